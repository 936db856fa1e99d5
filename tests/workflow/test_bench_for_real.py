"""Parts of `python -m bench` that take longer than a unit test may."""

import json

import pytest
from bench import gate
from bench.overhead import measure

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
