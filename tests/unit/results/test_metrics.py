"""metrics.json: one definition for all who write and read it."""

import json
import re

import pytest
from fake_runs import fake_run
from pydantic import ValidationError

from kd.errors import UserError
from kd.results.metrics import UNKNOWN, Metrics, read_metrics, read_trial, write_metrics

TRIAL = {"role": "trial", "name": "cnn", "architecture": "cnn", "teacher": "t", "method": "kd", "seed": 0}
TRIAL |= {"epochs": 5, "loss_function": "CE", "validation_loss": None, "validation_accuracy": None}
TRIAL |= {"diverged": "the loss is no number"}


def test_a_run_has_the_keys_that_it_was_written_with_and_their_values(tmp_path):
    path = tmp_path / "metrics.json"
    for run in (fake_run(), fake_run("distilled", "cnn") | {"chosen": {"temperature": 4, "method": "kd"}}):
        write_metrics(path, run)
        assert json.loads(path.read_text()) == run
        assert read_metrics(path) == Metrics(**run)


def test_a_trial_that_diverged_has_fewer_keys_than_a_run(tmp_path):
    path = tmp_path / "metrics.json"
    write_metrics(path, TRIAL)
    assert json.loads(path.read_text()) == TRIAL
    assert read_trial(path).diverged == "the loss is no number"
    with pytest.raises(
        UserError, match=f"^{re.escape(str(path))}: not whole .*test_accuracy: Field required"
    ):
        read_metrics(path)


def test_keys_of_another_version_are_left_out(tmp_path):
    path = tmp_path / "metrics.json"
    path.write_text(json.dumps(fake_run() | {"top5": 99.0}))
    assert read_metrics(path) == Metrics(**fake_run())


@pytest.mark.parametrize("text", ['{"half', "[]", "null", '{"role": "teacher"}'])
def test_a_file_that_is_not_whole_is_named(text, tmp_path):
    path = tmp_path / "metrics.json"
    path.write_text(text)
    with pytest.raises(
        UserError, match=f"^{re.escape(str(path))}: not whole .* delete it to have it made again"
    ):
        read_metrics(path)


@pytest.mark.parametrize("wrong", [{"test_acuracy": 1.0}, {"test_accuracy": "high"}, {"seconds": None}])
def test_nothing_else_is_written(wrong, tmp_path):
    with pytest.raises(ValidationError):
        write_metrics(tmp_path / "metrics.json", fake_run() | wrong)
    assert not list(tmp_path.iterdir())


def test_what_is_unknown_is_every_key_but_those_of_some_runs():
    assert dict.fromkeys(fake_run()) == UNKNOWN
