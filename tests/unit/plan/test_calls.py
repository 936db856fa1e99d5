from types import SimpleNamespace

import pytest

from kd.plan.calls import Calls

WILDCARDS = {"teacher": "vgg16", "seed": "3"}


def test_a_function_gets_the_wildcards_and_what_is_known_by_the_names_of_its_parameters():
    call = Calls(study="the study", other=1)

    def job(teacher: str, seed: int, study):
        return teacher, seed, study

    assert call(job)(WILDCARDS) == ("vgg16", 3, "the study")
    assert call(lambda seed, more=None: (seed, more))(WILDCARDS) == ("3", None)
    assert call(lambda: 5)(WILDCARDS) == 5


@pytest.mark.parametrize(
    ("epochs", "attempt", "minutes"), [(1, 1, 32), (40, 1, 130), (40, 3, 390), ("of the job", 2, 2 * 80)]
)
def test_the_time_limit_grows_with_what_is_read_and_with_each_attempt(epochs, attempt, minutes):
    """250 MB: 30 + 2.5 (32, as Python rounds to even) minutes for one epoch, 30 + 100 for forty, 30 + 50 for twenty."""

    def job(seed: int):
        return SimpleNamespace(epochs=17 + seed)

    limit = Calls().minutes(job if epochs == "of the job" else epochs)
    assert limit(WILDCARDS, SimpleNamespace(size_mb=250), attempt) == minutes


def test_jobs_that_others_wait_for_are_first_and_then_the_longest():
    """Seed 3 has 200 epochs here, seed 4 has 300; a ResNet-18 does more in an epoch than a MobileNet."""

    def job(seed: int, architecture):
        return SimpleNamespace(epochs=100 * seed - 100, architecture=architecture, options={})

    def names(seed, architecture="mobilenet"):
        return {"seed": seed, "architecture": architecture}

    priority = Calls(study=None).priority
    order = [
        priority(2)({}),
        priority(1, job)(names("3", "resnet18")),
        priority(1, job)(names("4")),
        priority(1, job)(names("3")),
        priority(1)({}),
    ]
    assert order == sorted(order, reverse=True)
    assert len(set(order)) == 5
    assert order[1] < 1.5  # beyond are students that others need not wait for
