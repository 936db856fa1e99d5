"""A study with `validation: 0`: from the images to the report and an export."""

import json
import re

import numpy as np
import pandas as pd
import pytest
from html_page import Page

from kd.data.dataset import read_dataset

TRAINED = ("alone/cnn/0", "teachers/vgg16", "distilled/both/cnn/kd/1")


@pytest.mark.full
def test_all_training_images_train_and_every_page_says_so(fresh):
    fresh.configure(
        dataset={"name": "digits", "test_fraction": 0.8, "validation": 0},
        teachers={"vgg16": {"width": 0.125}, "cnn": {"width": 0.25}, "both": {"ensemble": ["vgg16", "cnn"]}},
        pairs=[["both", "cnn"]],
    )
    output = fresh.run()
    assert "nan" not in output
    results = fresh.folder / "results/tiny"
    data = read_dataset(results / "data/dataset.safetensors")
    assert (len(data.train_labels), len(data.validation_labels), len(data.test_labels)) == (359, 0, 1438)
    card = json.loads((results / "data/summary.json").read_text())
    assert card["images"] == {"train": 359, "validation": 0, "test": 1438}
    for run in TRAINED:
        metrics = json.loads((results / run / "metrics.json").read_text())
        nulls = ("validation_accuracy", "selected_epoch", "selected_test_accuracy")
        assert [metrics[name] for name in nulls] == [None] * 3
        assert "validation_loss" not in pd.read_csv(results / run / "history.csv")
        assert np.load(results / run / "validation_logits.npy").shape == (0, 10)
        diagnosis = results / (run if run.startswith("teachers") else run[:-2]) / "diagnosis.json"
        assert {one["calibrated"] for one in json.loads(diagnosis.read_text())["runs"]} == {None}
    table = pd.read_csv(results / "table.csv")
    assert table["selected_test_accuracy"].isna().all()
    assert table["macro_f1"].notna().all()
    assert table["temperature"].isna().all()
    report = Page((results / "report.html").read_text())
    assert "No validation split: all training images train" in report.text
    assert "359; no validation split" in re.sub(r" / test [\d,]+", "", report.text)
    assert "test accuracy, selected" not in report.text
    assert "Training loss" in report.text
    page = Page((results / "distilled/both/cnn/kd/diagnosis.html").read_text())
    assert "No temperature scaling and no rejection threshold: no validation split." in page.text

    fresh.run("results/tiny/export/both/cnn/kd/README.md")
    export = results / "export/both/cnn/kd"
    config = json.loads((export / "config.json").read_text())
    assert (config["seed"], config["calibration"]) == (0, None)
    assert "the first, because there is no validation split" in (export / "README.md").read_text()
    assert fresh.pending() == {}
