"""Time left by hand arithmetic, and how a study looks on the terminal."""

import io

import pytest
from rich.console import Console

import watch
from kd.live.estimate import estimate, seconds_per_job, side_by_side
from kd.live.state import FailedJob, Rule, RunningJob, Study
from kd.live.view import View

BIG = RunningJob("train_teacher", "big teacher, seed 1", "log", 940.0, 0.25, 60.0, 3, 8, 88.54)


def study(phase="running", rules=None, running=(), failed=(), before=None, started=900.0, **more):
    times = {"updated": 1000.0, "ended": None} | more
    rules = {name: Rule(*counts) for name, counts in (rules or {}).items()}
    return Study(
        "digits", phase, started, **times, rules=rules, running=running, failed=failed, before=before or {}
    )


def test_work_left_is_divided_by_the_jobs_that_run_side_by_side():
    """At 1000: jobs of a took 20 s; 3 wait (60 s), one runs for 5 s (15 s left), one says 45 s: 120 s, by two."""
    running = (RunningJob("a", "a", None, 995.0), RunningJob("a", "a", None, 990.0, left=45.0))
    found = estimate(study(rules={"a": (7, 2, 40.0)}, running=running, started=960.0), 1000.0)
    assert (found.seconds, found.unknown) == (60.0, ())


def test_it_is_never_less_than_the_longest_running_job():
    running = (RunningJob("a", "a", None, 990.0, left=500.0), RunningJob("a", "a", None, 990.0, left=2.0))
    assert estimate(study(rules={"a": (3, 1, 10.0)}, running=running), 1000.0).seconds == 500.0


def test_one_that_takes_longer_than_others_did_is_about_to_end():
    running = (RunningJob("a", "a", None, 900.0),)
    assert estimate(study(rules={"a": (2, 1, 10.0)}, running=running), 1000.0).seconds == 0.0


def test_between_two_jobs_as_many_run_as_before():
    """In 100 s jobs took 380 s together: 3.8 at once; now one runs. Of 2 jobs no more than 2 do."""
    running = (RunningJob("a", "a", None, 980.0, left=10.0),)
    full = study(rules={"a": (30, 18, 360.0)}, running=running)
    assert side_by_side(full, 1000.0) == pytest.approx(3.8)
    assert estimate(full, 1000.0).seconds == pytest.approx((11 * 20 + 10) / 3.8)
    almost = study(rules={"a": (20, 18, 360.0)}, running=running)
    assert estimate(almost, 1000.0).seconds == pytest.approx((20 + 10) / 2)


def test_what_is_known_of_a_rule():
    """This run's mean; else what the first job says; else an earlier run; students are like each other."""
    rules = {
        "a": (3, 2, 30.0),
        "b": (2,),
        "c": (2,),
        "d": (2,),
        "distill_student": (4, 2, 12.0),
        "try_values": (9,),
    }
    running = (RunningJob("b", "b", None, 980.0, left=5.0), RunningJob("a", "a", None, 980.0, left=99.0))
    took = seconds_per_job(study(rules=rules, running=running, before={"a": 1.0, "c": 8.0}), 1000.0)
    assert {name: took.get(name) for name in rules} == {
        "a": 15.0,
        "b": 25.0,
        "c": 8.0,
        "d": None,
        "distill_student": 6.0,
        "try_values": 6.0,
    }


def test_what_is_not_known_is_left_out_and_named():
    found = estimate(study(rules={"a": (3, 1, 10.0), "b": (2,)}), 1000.0)
    assert (found.seconds, found.unknown) == (20.0, ("b",))
    nothing = estimate(study(rules={"a": (3,)}, running=(RunningJob("a", "a", None, 990.0),)), 1000.0)
    assert (nothing.seconds, nothing.unknown) == (None, ("a",))
    assert estimate(study(rules={"a": (3, 3, 30.0)}), 1000.0).seconds == 0.0


def drawn(what, width, everything=True, **options):
    console = Console(width=width, height=24, file=io.StringIO(), **options)
    console.print(View(what, "results/digits/logs", 1000.0, everything))
    text = console.file.getvalue()
    assert all(len(line) <= width for line in text.splitlines()) or "\x1b" in text, text
    return text


RUNNING = study(
    rules={"cache_targets": (24, 0, 0.0), "train_student_alone": (8, 2, 20.0), "train_teacher": (6, 1, 30.0)},
    running=(BIG, RunningJob("train_student_alone", "train_student_alone cnn 0", None, 988.0)),
    failed=(FailedJob("train_teacher", "train_teacher wild", "results/digits/logs/train_teacher/wild.log"),),
)


def test_at_80_columns_a_running_job_takes_one_line():
    lines = [line.rstrip() for line in drawn(RUNNING, 80).splitlines()]
    assert lines[0] == "digits: 3 of 38 jobs done"
    # waiting: 5 students of 10 s, 3 teachers of 30 s; running: 60 s, and 12 s of 10: 200 s by two
    assert lines[1] == "running for 1:40, at least 1:40 left"
    (big,) = [line for line in lines if "big teacher" in line]
    for part in ("3/8", "━━━", "88.5 %", "1:00 left"):
        assert part in big
    (student,) = [line for line in lines if "train_student_alone cnn 0" in line]
    assert student.endswith("for 0:12")
    assert "  24 cache_targets, 5 train_student_alone, 3 train_teacher" in lines
    assert "  results/digits/logs/train_teacher/wild.log" in lines
    assert lines[-1] == "  results/digits/logs"


def test_at_40_columns_nothing_is_lost():
    text = " ".join(drawn(RUNNING, 40).split()).replace("wild .log", "wild.log")
    for part in (
        "big teacher, seed 1",
        "3/8",
        "88.5 %",
        "1:00 left",
        "for 0:12",
        "24 cache_targets",
        "wild.log",
    ):
        assert part in text


def test_without_colour_there_is_none(monkeypatch):
    assert "\x1b" not in drawn(RUNNING, 80)
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[3" not in drawn(RUNNING, 80, force_terminal=True)
    monkeypatch.delenv("NO_COLOR")
    assert "\x1b[" in drawn(RUNNING, 80, force_terminal=True, color_system="standard")


def test_on_a_low_terminal_few_of_many_jobs_are_shown():
    many = study(rules={"train_teacher": (50,)}, running=(BIG,) * 40)
    assert drawn(many, 80, everything=False).count("big teacher") == 10
    assert "and 30 more" in drawn(many, 80, everything=False)
    assert drawn(many, 80).count("big teacher") == 40


@pytest.mark.parametrize(
    ("phase", "sentence"),
    [
        ("done", "done in 1:30"),
        ("failed", "ended after 1:30, 1 job failed"),
        ("stopped", "stopped after 1:30; the same command goes on"),
    ],
)
def test_how_it_ended(phase, sentence):
    ended = study(phase, {"a": (1,)}, failed=(FailedJob("a", "a", None),), ended=990.0)
    assert drawn(ended, 80).splitlines()[1].rstrip() == sentence


def test_that_snakemake_is_gone_is_said():
    assert "snakemake --unlock" in drawn(study("killed", {"a": (1,)}, updated=940.0), 80)
    assert "nothing heard of Snakemake for 1:00" in drawn(study("silent", {"a": (1,)}, updated=940.0), 80)


def test_a_study_that_has_not_begun_is_no_error_and_others_are_named(tmp_path, capsys):
    (tmp_path / "cifar10" / "progress").mkdir(parents=True)
    (tmp_path / "cifar10" / "progress" / "study.json").write_text("{}")
    assert watch.main(tmp_path / "digits", once=True, wait=False) == 0
    said = " ".join(capsys.readouterr().out.split())  # it is folded, by the length of the path
    assert said.endswith("digits: no run of this study has begun; there are cifar10")
