"""Parts of `python -m bench` that take longer than a unit test may."""

import json

import pytest
from bench import gate, whole_study
from bench.overhead import measure
from bench.report import table
from bench.spec import Setting

pytestmark = pytest.mark.full


def test_dry_runs_of_a_study_of_a_hundred_jobs():
    (row,) = measure(jobs=(100,), repeats=1, study=False)
    assert row["jobs"] == 106  # ten seeds
    assert row["quiet_lines"] < 80
    assert row["seconds"]["repeats"] == 1


def test_the_gate_lets_this_checkout_pass():
    result = gate.run_gate(seeds=3, device="cpu")
    assert result["passed"], result["message"]
    assert [check["name"] for check in result["checks"]] == ["same accuracy", "stored = live", "shifted view"]
    json.dumps(result)


def test_a_small_study_from_start_to_end_beside_the_usual_trainer():
    """What takes minutes, on eighty images and with small networks."""
    setting = Setting(device="cpu", threads=2, repeats=1, images=80)
    (row,) = whole_study.measure(setting, teacher="resnet8", student="cnn")
    assert row["ratio"]["median"] == row["reference"]["median"] / row["ours"]["median"] > 0
    assert row["images"] == 80
    line = table({"study": [row]}).splitlines()[-1]
    assert line.startswith("| resnet8 → 3 cnn ")
