"""Each job carries exactly its own configuration."""

import json

import pytest
import yaml

from kd import jobs
from kd.config import load_study
from kd.job import TrainJob

BASE = """
study: tiny
dataset: {name: digits}
recipe: {epochs: 20, batch_size: 32, lr: 0.1}
teachers: {resnet18: {width: 0.25}, vgg16: {width: 0.25, lr: 0.05}}
students: {cnn: {width: 0.125}, longer: {architecture: cnn, epochs: 25}}
methods: {kd: {temperature: 4}, hot: {method: kd, temperature: 20}}
seeds: [0, 1]
"""


def study(**changes):
    return load_study({**yaml.safe_load(BASE), **changes})


def every_job(which):
    return {
        "data": jobs.data_job(which).to_json(),
        "resnet18": jobs.teacher_job(which, "resnet18").to_json(),
        "vgg16": jobs.teacher_job(which, "vgg16").to_json(),
        "alone": jobs.alone_job(which, "cnn", 0).to_json(),
        "kd": jobs.distill_job(which, "vgg16", "cnn", "kd", 0).to_json(),
        "hot": jobs.distill_job(which, "vgg16", "cnn", "hot", 0).to_json(),
        "longer": jobs.distill_job(which, "vgg16", "longer", "kd", 0).to_json(),
    }


@pytest.mark.parametrize(
    ("changes", "changed"),
    [
        (
            {"methods": {"kd": {"temperature": 5}, "hot": {"method": "kd", "temperature": 20}}},
            {"kd", "longer"},
        ),
        ({"teachers": {"resnet18": {"width": 0.25}, "vgg16": {"width": 0.25, "lr": 0.02}}}, {"vgg16"}),
        ({"teachers": {"resnet18": {"width": 0.5}, "vgg16": {"width": 0.25, "lr": 0.05}}}, {"resnet18"}),
        (
            {
                "teachers": {
                    "mobilenet": {},
                    "resnet18": {"width": 0.25},
                    "vgg16": {"width": 0.25, "lr": 0.05},
                }
            },
            set(),
        ),
        (
            {"students": {"cnn": {"width": 0.25}, "longer": {"architecture": "cnn", "epochs": 25}}},
            {"alone", "kd", "hot"},
        ),
        ({"seeds": [0, 1, 2]}, set()),
        ({"dataset": {"name": "digits", "split_seed": 1}}, {"data"}),
        ({"compute": {"device": "cpu", "threads": 2}}, set()),
        ({"study": "other", "pairs": [["vgg16", "cnn"], ["resnet18", "cnn"], ["vgg16", "longer"]]}, set()),
        (
            {"recipe": {"epochs": 20, "batch_size": 32, "lr": 0.1, "momentum": 0.8}},
            {"resnet18", "vgg16", "alone", "kd", "hot", "longer"},
        ),
    ],
)
def test_a_change_reaches_the_jobs_that_depend_on_it_and_no_other(changes, changed):
    before, after = every_job(study()), every_job(study(**changes))
    assert {name for name in before if before[name] != after[name]} == changed


def test_swapped_values_are_a_change():
    """Snakemake compares the set of a rule's params; as separate params these two would be equal."""
    one = study(recipe={"momentum": 0.1, "lr": 0.9})
    other = study(recipe={"momentum": 0.9, "lr": 0.1})
    assert jobs.alone_job(one, "cnn", 0).to_json() != jobs.alone_job(other, "cnn", 0).to_json()


def test_the_order_of_keys_is_no_change():
    one = study(recipe={"momentum": 0.1, "lr": 0.9})
    other = study(recipe={"lr": 0.9, "momentum": 0.1})
    assert jobs.alone_job(one, "cnn", 0).to_json() == jobs.alone_job(other, "cnn", 0).to_json()


def test_a_student_knows_nothing_of_its_teacher_but_the_name():
    told = json.loads(jobs.distill_job(study(), "vgg16", "cnn", "kd", 1).to_json())
    assert told["teacher"] == "vgg16"
    assert told["options"] == {"channels": [32, 64, 128, 256], "width": 0.125}
    assert told["recipe"]["lr"] == 0.1
    assert told["seed"] == 1


def test_a_job_survives_its_json():
    job = jobs.distill_job(study(), "vgg16", "cnn", "kd", 1)
    assert TrainJob.model_validate_json(job.to_json()) == job
