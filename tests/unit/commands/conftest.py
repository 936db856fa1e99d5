"""A study that the tests of its plan share."""

import pytest
from small_config import config

from kd.commands.jobs import PlannedJob
from kd.config.load import load_study
from kd.plan.files import Plan

TEACHERS = {
    "big": {"architecture": "resnet18", "width": 0.125},
    "wide": {"architecture": "vgg16", "width": 0.125},
}
STUDENTS = {"small": {"architecture": "cnn", "channels": [4, 8], "epochs": 10}}
METHODS = {"kd": {}, "at": {}, "tfkd": {}, "twice": {"kd": {}, "generations": 2}}


@pytest.fixture
def plan(tmp_path, monkeypatch):
    """The plan of a study of two teachers and one student, with keys of its config replaced."""
    monkeypatch.chdir(tmp_path)

    def of(**changes):
        entries = {
            "study": "s",
            "teachers": TEACHERS,
            "students": STUDENTS,
            "methods": METHODS,
            "seeds": [0, 1],
        }
        return Plan.of(load_study(config(**{**entries, **changes})))

    return of


@pytest.fixture
def job():
    """A job by its rule and wildcards."""
    return lambda rule, **wildcards: PlannedJob(rule, {name: str(value) for name, value in wildcards.items()})
