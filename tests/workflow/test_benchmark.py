"""The CIFAR-100 benchmark on made-up images of its form: a pair for two epochs, beside published accuracies."""

import json

import archives
import pandas as pd
import pytest
import yaml
from download_server import serving
from html_page import Page

VARIANT = {
    "extends": "config/crd.yaml",
    "study": "one_pair",
    "recipe": {"epochs": 2, "milestones": [1]},
    "teachers": [{"vgg13": {"poolings": 3, "width": 0.125}}],
    "students": [{"vgg8": {"width": 0.125}}],
    "pairs": "all",
    "methods": [
        {"kd": {"preset": "crd"}},
        {"dkd": {"preset": "crd"}},
        {"ft": {"preset": "crd", "init_epochs": 1}},
        {"kd_standardized": {"method": "kd", "preset": "crd_standardized"}},
    ],
    "seeds": 2,
    "compute": {"device": "cpu"},
}


@pytest.mark.full
def test_a_pair_is_trained_and_compared(fresh):
    files = archives.cifar100([*range(100), *range(28)]).files()
    with serving(fresh, "cifar100", files) as (mirror, _):
        (fresh.folder / "study.yaml").write_text(yaml.safe_dump(VARIANT | {"dataset": {"mirror": mirror}}))
        output = fresh.run()
        assert fresh.pending() == {}
    assert "published: 229 of 235 accuracies are of networks, pairs or methods not run here" in output
    results = fresh.folder / "results/one_pair"
    assert json.loads((results / "data/summary.json").read_text())["images"]["validation"] == 0
    metrics = json.loads((results / "distilled/vgg13/vgg8/dkd/0/metrics.json").read_text())
    assert (metrics["epochs"], metrics["selected_epoch"]) == (2, None)
    log = (results / "logs/distill_student/vgg13/vgg8/dkd/0.log").read_text()
    assert "batches of 64" in log
    table = pd.read_csv(results / "table.csv", keep_default_na=False).set_index(["role", "method"])
    assert {row: float(text) for row, text in table["published"].items() if text} == {
        ("teacher", ""): 74.64,
        ("student alone", ""): 70.36,
        ("distilled student", "kd"): 72.98,
        ("distilled student", "dkd"): 74.68,
        ("distilled student", "ft"): 70.58,
        ("distilled student", "kd_standardized"): 74.36,
    }
    assert set(table["published_within"]) == {"", "no"}  # noise cannot be learnt
    kept = yaml.safe_load((results / "config.resolved.yaml").read_text())
    assert kept["methods"]["dkd"]["by_pair"] == {"vgg13": {"vgg8": {"nckd_weight": 6.0}}}
    assert "0 of 5 are within our 95 % confidence interval" in (results / "table.md").read_text()
    report = Page((results / "report.html").read_text())
    assert "kd, published & 72.98" in report.text
