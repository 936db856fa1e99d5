"""Every diagnosis of a finished study, held against what its runs say of themselves."""

import json
import re
from urllib.parse import unquote

import numpy as np
import pytest

from kd.data.dataset import read_dataset


def checked_diagnoses(results):
    """Those of the study in the folder `results`, by the cell's folder in it."""
    data = read_dataset(results / "data/dataset.safetensors")
    diagnoses = {}
    for path in results.rglob("diagnosis.json"):
        diagnosis = json.loads(path.read_text())
        check_page(path.with_suffix(".html"), diagnosis["role"])
        metrics = [json.loads(file.read_text()) for file in sorted(path.parent.glob("**/metrics.json"))]
        if metrics[0]["test_accuracy"] is None:  # stored logits of the user's, with none of the test images
            assert diagnosis["runs"] == []
        else:
            assert [run["seed"] for run in diagnosis["runs"]] == [scores["seed"] for scores in metrics]
            for run, scores in zip(diagnosis["runs"], metrics, strict=True):
                check(run, scores, data)
        diagnoses[path.parent.relative_to(results).as_posix()] = diagnosis
        taught = results / "distilled" / path.parent.name
        if diagnosis["role"] == "teacher" and taught.is_dir():  # they are made for students
            check_training_logits(path.with_name("train_logits.npy"), metrics[0], data)
    return diagnoses


def check_page(page, role):
    """What it is of, and that every link in it leads somewhere, back to its part of the report among them."""
    text = page.read_text()
    assert f"<title>{'Teacher' if role == 'teacher' else 'Student'} " in text
    links = [unquote(link).partition("#") for link in re.findall(r'href="([^"]+)"', text)]
    assert len(links) >= 3
    for path, _, anchor in links:
        assert (page.parent / path).is_file(), path
        assert not anchor or f' id="{anchor}"' in (page.parent / path).read_text()
    assert sum(bool(anchor) for _, _, anchor in links) == 1


def check(run, metrics, data):
    samples = run["correct"] + run["wrong"]
    assert samples == len(data.test_labels)
    assert 100 * run["correct"] / samples == pytest.approx(metrics["test_accuracy"])
    assert run["nll"] == pytest.approx(metrics["test_loss"], rel=1e-4, abs=1e-6)
    assert run["ece"] == pytest.approx(metrics["ece"], abs=1e-6)
    faithful = run["fidelity"]["test"] if run["fidelity"] else None
    assert (faithful and faithful["agreement"]) == pytest.approx(metrics["agreement"])
    by_class = np.array(run["confusion"])
    assert by_class.sum(1).tolist() == np.bincount(data.test_labels, minlength=len(by_class)).tolist()
    assert by_class.trace() == run["correct"]


def check_training_logits(path, metrics, data):
    logits = np.load(path)
    assert logits.dtype == np.float32
    if metrics["train_accuracy"] is None:
        assert logits.shape == (0, len(data.classes))
        return
    right = (logits.argmax(1) == data.train_labels.numpy()).mean()
    assert 100 * right == pytest.approx(metrics["train_accuracy"])
