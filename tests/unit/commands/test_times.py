"""How long jobs take: worked out by hand from the seconds of an image or of an epoch."""

import json
from pathlib import Path

import pytest

from kd.commands.images import Images
from kd.commands.times import (
    PASSES,
    Earlier,
    Pace,
    key_of,
    seconds_of,
    training_of,
    unknown_networks,
)
from kd.data.augmentation import Augmentation
from kd.results.metrics import TrialMetrics

IMAGES = Images(
    train=100, validation=20, test=50, classes=10, shape=(8, 8, 1), augmentation=Augmentation(1, True)
)
SMALL, BIG, WIDE = Pace(0.03, 0.01, 1000), Pace(0.3, 0.1, 10**6), Pace(0.6, 0.2, 10**6)


@pytest.fixture
def paces(plan):
    study = plan().study
    networks = (study.students["small"], study.teachers["big"], study.teachers["wide"])
    return dict(zip(map(key_of, networks), (SMALL, BIG, WIDE), strict=True))


def ran(path, **facts):
    base = dict.fromkeys(name for name, field in TrialMetrics.model_fields.items() if field.is_required())
    facts = {"role": "alone", "architecture": "cnn", "name": "small", "loss_function": "CE", **facts}
    Path(path).mkdir(parents=True)
    Path(path, "metrics.json").write_text(json.dumps(base | facts))
    Path(path, "model.safetensors").write_bytes(b"x" * 123)


def test_every_training_is_a_job_with_its_own_epochs(plan, job):
    study, trial = plan(), plan(sweep={"tuned": {"method": "kd", "over": {"temperature": [2, 4]}}})
    assert training_of(study, job("train_teacher", teacher="wide")).epochs == 20
    assert training_of(study, job("train_baseline", student="small", seed=1)).epochs == 10
    names = {"teacher": "big", "student": "small", "method": "kd", "seed": 0}
    assert training_of(study, job("distill_student", **names)).teacher == "big"
    chain = {"teacher": "big", "method": "twice", "chain": "small", "seed": 0}
    assert training_of(study, job("distill_intermediate", **chain)).name == "small"
    (name, *_) = trial._trials["tuned", "small"]
    tried = job("run_trial", **names | {"method": "tuned", "trial": name})
    assert training_of(trial, tried).role == "trial"
    assert training_of(study, job("build_table")) is None


def test_the_time_of_a_training_by_the_pace_of_its_network(plan, job, paces):
    names = {"teacher": "big", "student": "small", "seed": 0}
    jobs = [job("train_baseline", student="small", seed=0)]
    jobs += [job("distill_student", **names, method=method) for method in ("kd", "at")]
    known = seconds_of(plan(), jobs, IMAGES, Earlier(plan()), paces, start=2)
    alone = 2 + 10 * (100 * 0.03 + 20 * 0.01) + PASSES * 170 * 0.01
    assert known["train_baseline"] == pytest.approx([alone])
    assert known["distill_student"] == pytest.approx([alone, alone + 10 * 100 * 0.1])


def test_cached_logits_are_computed_once_a_view(plan, job, paces):
    jobs = [job("cache_targets", teacher="big", seed=seed, epochs=1) for seed in (0, 1)]
    known = seconds_of(plan(), jobs, IMAGES, Earlier(plan()), paces, start=2)
    # Of 18 views two epochs see 18 · (1 - (17/18)^2) = 35/18 on average of 100 images, halved between two jobs.
    assert known["cache_targets"] == pytest.approx([2 + 3500 / 18 * 0.1 / 2] * 2)


def test_finished_runs_go_before_the_pace_and_scale_with_epochs(plan, job, paces):
    ran("results/s/alone/small/0", epochs=5, seconds=10.0, seed=0)
    ran("results/s/alone/small/1", epochs=5, seconds=20.0, seed=1)
    ran(
        "results/s/distilled/big/small/kd/0",
        teacher="big",
        method="kd",
        epochs=5,
        seconds=50.0,
        role="distilled",
    )
    earlier = Earlier(plan())
    names = {"student": "small", "seed": 1}
    jobs = [job("train_baseline", **names), job("distill_student", teacher="big", method="kd", **names)]
    known = seconds_of(plan(), jobs, IMAGES, earlier, paces, start=2)
    assert known["train_baseline"] == pytest.approx([2 + 10 * 3])  # 2 and 4 s an epoch
    assert known["distill_student"] == pytest.approx([2 + 10 * 10])
    assert unknown_networks(plan(), jobs, earlier) == {}
    assert earlier.weights(training_of(plan(), jobs[0])) == 123


def test_a_result_that_is_not_whole_counts_for_nothing(plan, job):
    Path("results/s/alone/small/0").mkdir(parents=True)
    Path("results/s/alone/small/0/metrics.json").write_text("{")
    assert not Earlier(plan())


def test_each_network_is_timed_once(plan, job):
    names = {"teacher": "wide", "student": "small"}
    jobs = [job("train_baseline", student="small", seed=seed) for seed in (0, 1)]
    jobs += [
        job("distill_student", **names, method="at", seed=0),
        job("cache_targets", teacher="big", seed=0, epochs=1),
    ]
    networks = unknown_networks(plan(), jobs, Earlier(plan()))
    assert [network.name for network in networks.values()] == ["small", "wide", "big"]


def test_without_images_only_finished_runs_are_known(plan, job, paces):
    jobs = [
        job("train_baseline", student="small", seed=0),
        job("cache_targets", teacher="big", seed=0, epochs=1),
    ]
    assert seconds_of(plan(), jobs, None, Earlier(plan()), paces) == {}
