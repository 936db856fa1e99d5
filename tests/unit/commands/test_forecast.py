"""What a run will take, as numbers and as lines."""

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest

from kd.commands import plan_text
from kd.commands.disk import bytes_needed
from kd.commands.forecast import Forecast, forecast, later_trials
from kd.commands.images import Images
from kd.commands.plan_text import disk_line, gigabytes, spoken, table, time_line
from kd.commands.times import Earlier, Pace, key_of
from kd.data.augmentation import Augmentation
from kd.monitor.estimate import Estimate

IMAGES = Images(
    train=100, validation=20, test=50, classes=10, shape=(8, 8, 1), augmentation=Augmentation(1, True)
)
TEMPERATURES = list(range(1, 41))
SWEEP = {"tuned": {"method": "kd", "over": {"temperature": TEMPERATURES}, "search": "halving", "trials": 6}}


def test_times_are_by_rule_and_the_rest_is_a_guess(plan, job):
    study = plan().study
    paces = {key_of(study.students["small"]): Pace(0.03, 0.01, 1000)}
    jobs = [job("train_baseline", student="small", seed=seed) for seed in (0, 1)] + [job("build_table")]
    result = forecast(plan(), jobs, IMAGES, Earlier(plan()), paces, start=2)
    one = 2 + 10 * (100 * 0.03 + 20 * 0.01) + 3 * 170 * 0.01
    assert result.counts == {"train_baseline": 2, "build_table": 1}
    assert result.each == pytest.approx({"train_baseline": one})
    assert result.total.unknown == ("build_table",)
    assert result.total.seconds == pytest.approx(2 * one + 30)  # the most that an unknown job counts
    assert result.seconds(1) == result.total.seconds
    assert result.seconds(2) == pytest.approx(result.total.seconds / 2)
    assert result.seconds(100) == pytest.approx(one)  # never less than the longest job


def test_rules_that_train_nothing_are_known_from_the_run_before(plan, job):
    Path("results/s/progress").mkdir(parents=True)
    facts = {"host": "h", "pid": 1, "started": 0, "updated": 9, "ended": 9, "running": [], "failed": []}
    rules = {"build_table": {"jobs": 1, "done": 1, "seconds": 7.0}}
    facts |= {"before": {"draw_plots": 5.0}, "rules": rules}
    Path("results/s/progress/study.json").write_text(json.dumps(facts))
    jobs = [job("build_table"), job("draw_plots")]
    result = forecast(plan(), jobs, IMAGES, Earlier(plan()), {}, start=2)
    assert (result.each, result.total.unknown) == ({"build_table": 7.0, "draw_plots": 5.0}, ())


def test_trials_that_a_sweep_has_still_to_select_are_counted(plan, job):
    study = plan(sweep=SWEEP)
    tried = len(study.study.sweeps["tuned"].trials)
    assert 3 <= tried < 9  # so that there are two rungs, and a third of the trials go on
    later = later_trials(study, [])
    assert {job.rule for job in later} == {"run_trial"}
    assert len(later) == math.ceil(tried / 3) * 2 * 2  # teachers, seeds
    assert all(study.trial_job(**_names(job)) for job in later)
    known = [later[0]]
    assert len(later_trials(study, known)) < len(later)
    ended = [
        type(later[0])(
            "select_values", {"teacher": teacher, "student": "small", "method": "tuned"}, waiting=False
        )
        for teacher in ("big", "wide")
    ]
    assert later_trials(study, ended) == []


def _names(job):
    return job.wildcards | {"seed": int(job.wildcards["seed"])}


def test_the_disk_is_that_of_images_tables_and_weights(plan, job):
    study = plan().study
    paces = {key_of(study.students["small"]): Pace(0.03, 0.01, 1000)}
    jobs = [
        job("cache_targets", teacher=name, seed=seed, epochs=1) for name in ("big", "wide") for seed in (0, 1)
    ]
    jobs += [job("train_baseline", student="small", seed=0), job("build_table")]
    disk = bytes_needed(plan(), jobs, IMAGES, Earlier(plan()), paces)
    assert disk["images"] == 170 * 64
    seen = 100 * 18 * (1 - (17 / 18) ** 2)  # of 18 views, by two epochs of 100 images
    entry = 10 * 2 + 1
    assert disk["cached teacher logits"] == pytest.approx(2 * seen * entry, abs=1300)  # and headers
    assert disk["weights and logs"] == 1000 * 4 + (20 + 50) * 10 * 4 + 200_000
    Path("results/s/data").mkdir(parents=True)
    Path("results/s/data/dataset.safetensors").touch()
    Path("results/s/targets/big/0").mkdir(parents=True)
    Path("results/s/targets/big/0/1.json").touch()
    rest = [waiting for waiting in jobs if waiting.wildcards.get("seed") != "0"]
    disk = bytes_needed(plan(), rest, IMAGES, Earlier(plan()), paces)
    both = seen - 100 + 100  # of the first teacher what is added, of the second all that one epoch sees
    assert (disk["images"], disk["cached teacher logits"]) == (0, pytest.approx(both * entry, abs=1300))


def test_the_disk_of_the_largest_logits_of_visits(plan, job):
    """Two seeds of three epochs, each of 100 images: of the 3 largest a byte for the label, and 5 sums."""
    study = plan(targets={"top_k": 3})
    jobs = [job("cache_targets", teacher="big", seed=seed, epochs=3) for seed in (0, 1)]
    images = replace(IMAGES, augmentation=Augmentation(0, True, (0.5, 1.0)))
    disk = bytes_needed(study, jobs, images, Earlier(study), {})
    assert disk["cached teacher logits"] == pytest.approx(600 * (3 * 3 + 10 + 1), abs=800)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(1, "1 minute"), (150, "2 minutes"), (5399, "90 minutes"), (9000, "2.5 hours"), (200_000, "2.3 days")],
)
def test_a_time_is_rounded(seconds, text):
    assert spoken(seconds) == text


def test_the_table_has_the_longest_rules_first():
    counts = {"train_teacher": 2, "distill_student": 1200, "build_table": 1, "all": 1}
    result = Forecast(counts, {"train_teacher": 3600.0, "distill_student": 300.0}, Estimate(None), 0.0)
    assert table(result) == [
        "  rule               jobs       one        all",
        "  distill_student   1,200      5:00   4.2 days",
        "  train_teacher         2   1:00:00    2:00:00",
        "  other rules           2",
    ]


def test_an_unknown_time_is_not_a_number():
    nothing = Forecast({"train_teacher": 1}, {}, Estimate(None, ("train_teacher",)), 0.0)
    assert nothing.seconds(2) is None
    assert time_line(nothing, 2, "2 jobs at a time") == "not known; 2 jobs at a time"
    tables = Forecast({"train_teacher": 1}, {"build_table": 3.0}, Estimate(33.0, ("train_teacher",)), 0.0)
    assert time_line(tables, 1, "alone") == "not known; alone"
    known = Forecast(
        {"train_teacher": 1, "all": 1}, {"train_teacher": 600.0}, Estimate(630.0, ("all",)), 600.0
    )
    assert (
        time_line(known, 2, "2 jobs at a time")
        == "about 10 minutes, 2 jobs at a time (no timing for 1 of 2 rules)"
    )


def test_a_disk_that_is_too_small_is_said(monkeypatch):
    monkeypatch.setattr(plan_text.shutil, "disk_usage", lambda path: type("Usage", (), {"free": 2 * 10**9}))
    assert disk_line({"images": 0, "tables": 10**9}) == "1.00 GB (tables 1.00 GB); 2.00 GB are free"
    assert disk_line({"tables": 3 * 10**9}).endswith("2.00 GB are free; that is not enough")
    assert gigabytes(5_400_000) == "5 MB"
