"""Networks between teacher and student: who teaches whom, and what is refused."""

import pytest
from small_config import complaints, config

from kd.config.load import load_study
from kd.config.study.methods import chain_name, chain_of
from kd.plan.training import distill_job, intermediate_job

STUDENTS = {"cnn": {"width": 0.125}, "middle": {"architecture": "cnn", "epochs": 7}}


def study(**method):
    return load_study(config(students=STUDENTS, methods={"kd": {"temperature": 2, **method}}))


def test_assistants_come_before_the_student_in_order():
    chain_study = study(via=["middle", "vgg16"])
    assert chain_study.methods["kd"].chain("cnn") == ("middle", "vgg16")
    assert chain_study.methods["kd"].parts[0][1]["temperature"] == 2
    first = intermediate_job(chain_study, "resnet18", "kd", "middle", 3)
    second = intermediate_job(chain_study, "resnet18", "kd", "middle+vgg16", 3)
    assert (first.name, first.teacher, first.recipe.epochs) == ("middle", "resnet18", 7)
    assert (second.name, second.teacher, second.architecture) == ("vgg16", "resnet18+middle", "vgg16")
    last = distill_job(chain_study, "resnet18", "cnn", "kd", 3)
    assert (last.teacher, last.draw, last.weights) == ("resnet18", 0, (1.0,))


def test_generations_are_the_student_again_with_first_weights_of_their_own():
    chain_study = study(generations=3)
    assert chain_study.methods["kd"].chain("cnn") == ("cnn", "cnn")
    draws = [intermediate_job(chain_study, "vgg16", "kd", chain, 0).draw for chain in ("cnn", "cnn.2")]
    assert [*draws, distill_job(chain_study, "vgg16", "cnn", "kd", 0).draw] == [1, 2, 0]
    assert chain_study.methods["kd"].chain("middle") == ("middle", "middle")


def test_of_an_ensemble_the_first_link_alone_takes_the_weights():
    teachers = {"resnet18": {}, "vgg16": {}, "both": {"ensemble": ["vgg16", "resnet18"], "weights": [2, 1]}}
    ensemble_study = load_study(
        config(teachers=teachers, students=STUDENTS, methods={"kd": {"via": ["middle"]}})
    )
    assert intermediate_job(ensemble_study, "both", "kd", "middle", 0).weights == (2.0, 1.0)
    assert distill_job(ensemble_study, "both", "cnn", "kd", 0).weights == (1.0,)


@pytest.mark.parametrize(
    ("method", "line"),
    [
        (
            {"via": ["midle"]},
            "methods.kd.via: 'midle' is in neither students nor teachers; did you mean 'middle'",
        ),
        ({"via": "middle"}, "methods.kd.via: should be a list"),
        ({"generations": 0}, "methods.kd.generations: should be greater than or equal to 1"),
        (
            {"method": "cross_entropy", "generations": 2},
            "methods.kd: has no teacher, so there is none in between",
        ),
    ],
)
def test_mistakes(method, line):
    (complaint,) = complaints(students=STUDENTS, methods={"kd": method})
    assert complaint.startswith(line)


@pytest.mark.parametrize(
    ("chain", "name"),
    [
        (("a",), "a"),
        (("a", "b", "b", "b"), "a+b.3"),
        (("a", "b", "a"), "a+b+a"),
        (("a-1_b",) * 20, "a-1_b.20"),
    ],
)
def test_a_chain_has_a_short_name_that_gives_it_back(chain, name):
    assert chain_name(chain) == name
    assert chain_of(name) == chain


def test_a_chain_whose_name_no_disk_would_take_is_refused():
    students = {letter * 60: {"architecture": "cnn"} for letter in "abcde"}
    (line,) = complaints(students=students, methods={"kd": {"via": list(students)}})
    assert line.startswith("methods.kd.via: the names of the chain are over 200 characters")


def test_networks_in_between_run_live_and_so_cannot_be_cached_only():
    (line,) = complaints(students=STUDENTS, methods={"kd": {"via": ["middle"]}}, targets="cached")
    assert line.startswith("targets: 'cached' stores the logits of teachers, and kd has networks in between")


def test_no_ensemble_stands_in_between():
    teachers = {"resnet18": {}, "vgg16": {}, "both": {"ensemble": ["vgg16", "resnet18"]}}
    (line,) = complaints(teachers=teachers, methods={"multi_head": {"generations": 2}})
    assert line.startswith("methods.multi_head: needs an ensemble, which no network in between is")
