"""Results without a record of Snakemake's are compared with the plan, and named."""

import json
from base64 import urlsafe_b64encode
from pathlib import Path

import numpy as np
import pytest
from small_config import config

from kd.config.load import load_study
from kd.plan.files import Plan
from kd.plan.records import LONGEST, unrecorded

TEACHERS = {
    "resnet18": {"width": 0.25},
    "vgg16": {"width": 0.25},
    "both": {"ensemble": ["resnet18", "vgg16"]},
    "stored": {"logits": "logits.npz"},
}
SWEPT = {"sweep": {"tuned": {"method": "kd", "over": {"temperature": [2, 4]}, "seeds": [7]}}}
CHAIN = {"kd": {"temperature": 4}, "chain": {"method": "kd", "via": ["middle"], "generations": 2}}
STUDENTS = {"cnn": {"width": 0.125}, "middle": {"architecture": "cnn", "width": 0.25}}


@pytest.fixture
def plan_of(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.savez("logits.npz", train_ids=np.arange(4), train_logits=np.zeros((4, 10), np.float32))

    def of(**changes):
        entries = {"study": "a", "teachers": TEACHERS, "methods": CHAIN, "students": STUDENTS, "seeds": [0]}
        return Plan.of(load_study(config(**{**entries, **changes})))

    return of


def finish(plan):
    """Make all results that carry a digest, as jobs would, without a record; their paths."""
    from kd.plan.records import _planned

    paths = [(Path(path), digest()) for path, digest in dict(_planned(plan)).items()]
    for path, digest in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"job": digest}))
    return [str(path) for path, _ in paths]


def record(path, text="{}"):
    """Snakemake's record of a file."""
    name = urlsafe_b64encode(path.encode()).decode()
    parts = [name[start : start + LONGEST - 1] for start in range(0, len(name), LONGEST - 1)]
    place = Path(".snakemake/metadata", *(f"@{part}" for part in parts[:-1]), parts[-1])
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(text)


def test_every_kind_of_result_is_looked_at(plan_of):
    paths = finish(plan_of(**SWEPT))
    names = {path.split("/")[2] for path in paths}
    assert names == {"data", "teachers", "alone", "distilled", "chains", "sweeps"}
    assert {"results/a/teachers/both/metrics.json", "results/a/teachers/stored/metrics.json"} < set(paths)
    assert "results/a/chains/vgg16/chain/middle+cnn/0/metrics.json" in paths
    assert len(paths) == len(set(paths))


def test_results_that_agree_are_counted_and_the_others_named(plan_of):
    plan = plan_of()
    assert unrecorded(plan) == []
    count = len(finish(plan))
    (line,) = unrecorded(plan)
    assert line.startswith(f"results/a: Snakemake has no record of {count} results, which are what the study")
    differ, same = unrecorded(plan_of(methods={"kd": {"temperature": 5}}))
    # Of each teacher and student one; "both" and "stored" teach as well.
    assert differ.startswith("results/a: 8 results were made with another configuration, code or data, and ")
    assert "results/a/distilled/resnet18/cnn/kd/0/metrics.json, " in differ
    assert differ.endswith(" and 5 more")
    assert "no record of 7 results" in same  # the data, four teachers and two baselines


def test_what_has_a_record_is_left_to_snakemake_and_an_empty_one_is_none(plan_of):
    names = {"study": "s" * 60, "students": {"x" * 60: {"architecture": "cnn"}}}
    names |= {"methods": {"m" * 60: {"method": "kd"}}}
    plan = plan_of(**names)
    paths = finish(plan)
    for path in paths:
        record(path)
    assert unrecorded(plan_of(**names, recipe={"epochs": 21, "batch_size": 128, "lr": 0.1})) == []
    record(paths[1], "")  # as a power cut leaves it
    (line,) = unrecorded(plan)
    assert "no record of 1 results" in line


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"job": null}'])
def test_a_result_that_says_nothing_of_its_job_differs(plan_of, content):
    plan = plan_of()
    path = Path("results/a/alone/cnn/0/metrics.json")
    path.parent.mkdir(parents=True)
    path.write_text(content)
    (line,) = unrecorded(plan)
    assert line.startswith("results/a: 1 results were made with another")
