"""Each job carries exactly its own configuration."""

import json

import pytest
import yaml

from kd.config.load import load_study
from kd.jobs.training import TrainJob
from kd.plan.data import card_job, data_job, gather_job, gathered, manner, samples_params
from kd.plan.teachers import targets_at_once, targets_job
from kd.plan.training import baseline_job, distill_job, teacher_job

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
        "data": data_job(which).to_json(),
        "resnet18": teacher_job(which, "resnet18").to_json(),
        "vgg16": teacher_job(which, "vgg16").to_json(),
        "alone": baseline_job(which, "cnn", 0).to_json(),
        "kd": distill_job(which, "vgg16", "cnn", "kd", 0).to_json(),
        "hot": distill_job(which, "vgg16", "cnn", "hot", 0).to_json(),
        "longer": distill_job(which, "vgg16", "longer", "kd", 0).to_json(),
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
        ({"dataset": {"name": "digits", "train_images": 200}}, {"data"}),
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


def mini(**options):
    return study(dataset={"name": "mini_open_images", "classes": ["Cat", "Dog"], **options})


@pytest.mark.parametrize(
    ("options", "data", "gather"),
    [
        ({"images_per_class": 300}, True, True),
        ({"classes": ["Dog", "Cat"]}, True, True),
        ({"seed": 1}, True, True),
        ({"validation": 0.2}, True, False),
        ({"pad": 8}, False, False),
        ({"mirror": "http://127.0.0.1:8000"}, False, False),
        ({"workers": 2}, False, False),
        ({"tolerated_failures": 0.5}, False, False),
    ],
)
def test_what_is_gathered_again(options, data, gather):
    before, after = mini(), mini(**options)
    assert (data_job(before) != data_job(after)) == data
    assert (gather_job(before) != gather_job(after)) == gather
    assert (gathered(before) != gathered(after)) == gather


def test_each_function_of_a_data_set_gets_its_own_options():
    assert data_job(mini()).options == {}
    options = gather_job(mini()).options
    assert options.keys() & {"workers", "tolerated_failures", "validation", "mirror"} == set()
    assert options["classes"] == ["Cat", "Dog"]
    assert manner(mini(workers=3)) == {"workers": 3, "tolerated_failures": 0.05}
    assert (gather_job(study()), gathered(study()), manner(study())) == (None, None, {})


def test_swapped_values_are_a_change():
    """Snakemake compares the set of a rule's params; as separate params these two would be equal."""
    one = study(recipe={"momentum": 0.1, "lr": 0.9})
    other = study(recipe={"momentum": 0.9, "lr": 0.1})
    assert baseline_job(one, "cnn", 0).to_json() != baseline_job(other, "cnn", 0).to_json()


def test_the_order_of_keys_is_no_change():
    one = study(recipe={"momentum": 0.1, "lr": 0.9})
    other = study(recipe={"lr": 0.9, "momentum": 0.1})
    assert baseline_job(one, "cnn", 0).to_json() == baseline_job(other, "cnn", 0).to_json()


def test_a_student_knows_nothing_of_its_teacher_but_the_name():
    fields = json.loads(distill_job(study(), "vgg16", "cnn", "kd", 1).to_json())
    assert fields["teacher"] == "vgg16"
    assert fields["options"] == {"channels": [32, 64, 128, 256], "width": 0.125}
    assert fields["recipe"]["lr"] == 0.1
    assert fields["seed"] == 1


def test_a_job_survives_its_json():
    job = distill_job(study(), "vgg16", "cnn", "kd", 1)
    assert TrainJob.model_validate_json(job.to_json()) == job


def test_the_augmentation_is_in_every_job_that_shows_images_and_in_no_other():
    """Without one, the jobs are the same to the letter as before there was any."""
    usual, other = study(), study(dataset={"name": "digits", "mixup": 0.2, "pad": 3})
    before, after = every_job(usual), every_job(other)
    assert {name for name in before if before[name] != after[name]} == before.keys() - {"data"}
    assert not [text for text in before.values() if "augmentation" in text]
    changed = {"mixup": 0.2, "pad": 3}
    assert json.loads(after["kd"])["augmentation"] == changed
    assert targets_job(usual, 0, 20).to_json() == '{"epochs": 20, "seed": 0}'
    assert json.loads(targets_job(other, 0, 20).to_json())["augmentation"] == changed
    assert TrainJob.model_validate_json(after["kd"]).augmentation == changed
    assert samples_params(usual) == {}
    assert json.loads(samples_params(other)["cfg"])["augmentation"] == changed
    assert "augmentation" not in card_job(usual, data_job(usual)).to_json()


SHORT = {"students": {"cnn": {"width": 0.125}}, "seeds": [0], "teachers": {"vgg16": {"width": 0.25}}}
OWN = {"teachers": {"vgg16": {"external": "weights.pt"}}}
TWO_TEACHERS = {"teachers": {"vgg16": {}, "resnet18": {}}}


@pytest.mark.parametrize(
    ("changes", "slots", "at_once"),
    [
        ({}, 2, 2),
        ({}, 1, 1),
        ({}, 100, 8),  # at most
        ({"seeds": [0, 1]}, 5, 2),  # two jobs, and one slot that is left
        ({"seeds": [0, 1, 2]}, 2, 1),
        (TWO_TEACHERS, 4, 2),
        (TWO_TEACHERS | {"pairs": {"vgg16": "cnn"}}, 4, 4),  # the other one is asked for nothing
        ({"students": {"cnn": {}, "longer": {"architecture": "cnn", "epochs": 25}}}, 4, 2),  # lengths
        ({"methods": {"kd": {}, "hot": {"method": "kd", "temperature": 20}}}, 4, 4),  # they read the same
        ({"methods": ["at"]}, 4, 1),  # there are no such jobs
        ({"teachers": {"vgg16": {}, "resnet18": {}, "both": {"ensemble": ["vgg16", "resnet18"]}}}, 4, 2),
        (OWN, 1, 1),  # it is there at once, beside one baseline
        (OWN, 2, 1),
        (OWN, 4, 3),
        (OWN | {"seeds": [0, 1]}, 7, 2),  # two jobs, and two baselines
        (OWN | {"students": {"cnn": {}, "thin": {"architecture": "cnn"}}}, 7, 5),
        (OWN | {"methods": ["kd", "at"]}, 4, 2),  # a student whose teacher runs live is there at once, too
        (OWN | {"methods": ["kd", "tfkd"]}, 4, 2),
        (OWN | {"teachers": OWN["teachers"] | {"resnet18": {}}}, 8, 3),  # a teacher and a baseline; two jobs
        (
            OWN | {"teachers": OWN["teachers"] | {"stored": {"logits": "x.npz"}}},
            8,
            5,
        ),  # and its students by kd and hot
        ({"teachers": {"stored": {"logits": "x.npz"}}}, 8, 1),  # nothing is computed
    ],
)
def test_jobs_of_targets_share_the_cores_where_there_are_few(changes, slots, at_once):
    assert targets_at_once(study(**{**SHORT, **changes}), slots) == at_once


def test_in_the_study_of_many_teachers_and_seeds_each_job_has_one():
    """Six teachers and four seeds on two cores."""
    names = ("resnet18", "preact_resnet18", "googlenet", "densenet", "vgg16", "mobilenet")
    assert targets_at_once(study(teachers=list(names), seeds=4), 2) == 1
