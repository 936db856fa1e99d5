"""Time left by hand arithmetic, and how a study looks on the terminal."""

import io
import json
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

import watch
from kd.monitor.estimate import estimate, seconds_per_job, side_by_side
from kd.monitor.status import Job, Rule, Study
from kd.monitor.view import View

BIG = Job("train_teacher", "big", "log", 940.0, 0.25, 60.0, 3, 8, 88.54)


def study(phase="running", rules=None, running=(), failed=(), before=None, started=900.0, **more):
    times = {"updated": 1000.0, "ended": None} | more
    rules = {name: Rule(*counts) for name, counts in (rules or {}).items()}
    return Study(
        "digits", phase, started, **times, rules=rules, running=running, failed=failed, before=before or {}
    )


def test_work_left_is_divided_by_the_jobs_that_run_side_by_side():
    """At 1000: jobs of a took 20 s; 3 wait (60 s), one runs for 5 s (15 s left), one says 45 s: 120 s, by two."""
    running = (Job("a", "a", None, 995.0), Job("a", "a", None, 990.0, left=45.0))
    remaining = estimate(study(rules={"a": (7, 2, 40.0)}, running=running, started=960.0), 1000.0)
    assert (remaining.seconds, remaining.unknown) == (60.0, ())


def test_it_is_never_less_than_the_longest_running_job():
    running = (Job("a", "a", None, 990.0, left=500.0), Job("a", "a", None, 990.0, left=2.0))
    assert estimate(study(rules={"a": (3, 1, 10.0)}, running=running), 1000.0).seconds == 500.0


def test_one_that_takes_longer_than_others_did_is_about_to_end():
    running = (Job("a", "a", None, 900.0),)
    assert estimate(study(rules={"a": (2, 1, 10.0)}, running=running), 1000.0).seconds == 0.0


def test_between_two_jobs_as_many_run_as_before():
    """In 100 s jobs took 380 s together: 3.8 at once; now one runs. Of 2 jobs no more than 2 do."""
    running = (Job("a", "a", None, 980.0, left=10.0),)
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
        "run_trial": (9,),
    }
    running = (Job("b", "b", None, 980.0, left=5.0), Job("a", "a", None, 980.0, left=99.0))
    took = seconds_per_job(study(rules=rules, running=running, before={"a": 1.0, "c": 8.0}), 1000.0)
    assert {name: took.get(name) for name in rules} == {
        "a": 15.0,
        "b": 25.0,
        "c": 8.0,
        "d": None,
        "distill_student": 6.0,
        "run_trial": 6.0,
    }


@pytest.mark.parametrize(("took", "guess"), [(10.0, 10.0), (400.0, 30.0)])
def test_what_is_not_known_is_guessed_and_named(took, guess):
    """Two jobs wait that run networks, and two of which nothing is known, one at a time."""
    rules = {"train_teacher": (3, 1, took), "b": (2,)}
    remaining = estimate(study(rules=rules, started=500.0), 1000.0)
    assert (remaining.seconds, remaining.unknown) == (2 * took + 2 * guess, ("b",))


def test_without_a_job_that_ran_networks_a_guess_is_half_a_minute():
    remaining = estimate(study(rules={"a": (3, 1, 10.0), "b": (2,)}), 1000.0)
    assert (remaining.seconds, remaining.unknown) == (20.0 + 60.0, ("b",))


def test_where_only_what_is_not_known_is_left_the_guess_is_all_there_is():
    rules = {"train_teacher": (2, 2, 20.0), "b": (3,)}
    remaining = estimate(study(rules=rules, started=500.0), 1000.0)
    assert (remaining.seconds, remaining.unknown) == (30.0, ("b",))


def test_before_anything_is_known_there_is_no_guess():
    nothing = estimate(study(rules={"a": (3,)}, running=(Job("a", "a", None, 990.0),)), 1000.0)
    assert (nothing.seconds, nothing.unknown) == (None, ("a",))
    assert estimate(study(rules={"a": (3, 3, 30.0)}), 1000.0).seconds == 0.0


def drawn(what, width, everything=True, folder=Path("results/digits"), **options):
    console = Console(width=width, height=24, file=io.StringIO(), **options)
    console.print(View(what, folder, 1000.0, everything))
    text = console.file.getvalue()
    assert all(len(line) <= width for line in text.splitlines()) or "\x1b" in text, text
    return text


RUNNING = study(
    rules={"cache_targets": (24, 0, 0.0), "train_baseline": (8, 2, 20.0), "train_teacher": (6, 1, 30.0)},
    running=(BIG, Job("train_baseline", "cnn, seed 0", None, 988.0)),
    failed=(Job("train_teacher", "wild", "results/digits/logs/train_teacher/wild.log"),),
)


def test_at_80_columns_a_running_job_takes_one_line():
    lines = [line.rstrip() for line in drawn(RUNNING, 80).splitlines()]
    assert lines[0] == "digits: 3 of 38 jobs done"
    # waiting: 5 students of 10 s, 3 teachers of 30 s, 24 of unknown length that count 10 s as students do;
    # running: 60 s, and 12 s of 10: 440 s by two
    assert lines[1] == "running for 1:40, ≈ 3:40 left (no timing yet for 1 of 3 rules)"
    (big,) = [line for line in lines if line.startswith("    big ")]
    assert lines[lines.index(big) - 1] == "  train_teacher"
    for part in ("3/8", "━━━", "88.5 %", "1:00 left"):
        assert part in big
    (student,) = [line for line in lines if "    cnn, seed 0" in line]
    assert student.endswith("for 0:12")
    assert "  train_teacher: wild" in lines
    assert "  24 cache_targets, 5 train_baseline, 3 train_teacher" in lines
    assert "  results/digits/logs/train_teacher/wild.log" in lines
    assert lines[-1] == "  results/digits/logs"


def test_a_job_that_outlasts_its_estimate_is_not_about_to_end():
    late = study(rules={"train_teacher": (2, 1, 30.0)}, running=(Job("train_teacher", "big", None, 960.0),))
    assert "time left: ? (what runs takes longer than usual)" in drawn(late, 80)


def test_at_40_columns_nothing_is_lost():
    text = " ".join(drawn(RUNNING, 40).split()).replace("wild .log", "wild.log")
    for part in (
        "train_teacher big",
        "3/8",
        "88.5 %",
        "1:00 left",
        "for 0:12",
        "24 cache_targets",
        "wild.log",
    ):
        assert part in text


@pytest.mark.parametrize("width", [80, 40])
def test_a_job_that_does_not_tell_how_far_it_is_shows_the_last_line_of_its_log(width):
    """After some seconds, while it runs."""
    waits = Job("cache_targets", "vgg16", "log", 940.0, note="waits for a free GPU: 1 of them")
    fresh = Job("cache_targets", "new", "log", 999.0, note="1 view needed")
    text = drawn(study(rules={"cache_targets": (24,)}, running=(BIG, waits, fresh)), width)
    assert ("waits for a free GPU" if width == 80 else "waits for a") in text
    assert "for 1:00" in text
    assert "1 view needed" not in text
    stopped = study("stopped", {"cache_targets": (24,)}, running=(waits,), ended=990.0)
    assert "waits" not in drawn(stopped, width).replace("waiting", "")


def test_a_number_stands_beside_its_rule():
    """At 40 columns, where "43 distill_student" would be broken after its number."""
    counts = {"build_table": (1,), "cache_targets": (9,), "distill_student": (43,), "draw_plots": (1,)}
    lines = [line.rstrip() for line in drawn(study(rules=counts), 40).splitlines()]
    assert lines[lines.index("waiting") + 1 :][:2] == [
        "  1 build_table, 9 cache_targets,",
        "  43 distill_student, 1 draw_plots",
    ]


def test_without_colour_there_is_none(monkeypatch):
    assert "\x1b" not in drawn(RUNNING, 80)
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[3" not in drawn(RUNNING, 80, force_terminal=True)
    monkeypatch.delenv("NO_COLOR")
    assert "\x1b[" in drawn(RUNNING, 80, force_terminal=True, color_system="standard")


def test_on_a_low_terminal_few_of_many_jobs_are_shown():
    many = study(rules={"train_teacher": (50,)}, running=(BIG,) * 40)
    assert drawn(many, 80, everything=False).count("    big ") == 10
    assert "and 30 more" in drawn(many, 80, everything=False)
    assert drawn(many, 80).count("    big ") == 40


def test_on_a_low_terminal_few_of_many_failed_jobs_are_shown():
    failed = tuple(Job("train_teacher", f"t{number}", f"logs/{number}.log") for number in range(40))
    many = study("failed", {"train_teacher": (50,)}, failed=failed, ended=1000.0)
    assert drawn(many, 80, everything=False).count(".log") == 3
    assert "and 37 more" in drawn(many, 80, everything=False)
    assert drawn(many, 80).count(".log") == 40
    assert "more" not in drawn(many, 80)


def test_a_run_after_another_counts_its_own_jobs():
    assert drawn(study(rules={"a": (3, 1, 9.0)}), 80).startswith("digits: 1 of 3 jobs done")
    again = study(rules={"a": (3, 1, 9.0)}, before={"a": 9.0})
    assert drawn(again, 80).startswith("digits: 1 of 3 jobs of this run done")


def test_a_study_that_is_done_names_its_report_where_there_is_one(tmp_path):
    done = study("done", {"a": (1, 1, 9.0)}, ended=990.0)
    assert "report" not in drawn(done, 200, folder=tmp_path)
    (tmp_path / "report.html").touch()
    assert f"  {tmp_path / 'report.html'}" in drawn(done, 200, folder=tmp_path)
    assert "report.html" not in drawn(study(rules={"a": (1,)}), 200, folder=tmp_path)


@pytest.mark.parametrize(
    ("phase", "sentence"),
    [
        ("done", "done in 1:30"),
        ("failed", "ended after 1:30, 1 job failed"),
        ("stopped", "stopped after 1:30; the same command resumes"),
    ],
)
def test_how_it_ended(phase, sentence):
    ended = study(phase, {"a": (1,)}, failed=(Job("a", "a", None),), ended=990.0)
    assert drawn(ended, 80).splitlines()[1].rstrip() == sentence


def test_jobs_that_were_cut_off_are_named():
    stopped = study("stopped", {"train_teacher": (2,)}, running=(BIG,), ended=990.0)
    lines = [line.rstrip() for line in drawn(stopped, 80).splitlines()]
    assert lines[lines.index("cut off (1)") :][1:2] == ["  train_teacher"]
    assert lines[lines.index("not begun") + 1] == "  1 train_teacher"


@pytest.mark.parametrize("phase", ["killed", "silent"])
def test_of_jobs_of_which_nothing_is_heard_no_time_is_counted(phase):
    old = Job("train_teacher", "old", None, 900.0, silent=60.0)
    gone = study(phase, {"train_teacher": (3,)}, running=(BIG, old), updated=940.0)
    head, text = drawn(gone, 80).split("were running at the last update (2)")
    assert "running" not in head
    assert "3/8" in text
    assert not [word for word in (" for ", " left", "silent") if word in text]


def test_that_snakemake_is_gone_is_reported():
    killed = " ".join(drawn(study("killed", {"a": (1,)}, running=(BIG,), updated=940.0), 80).split())
    assert "When these jobs have ended, snakemake --unlock with the study's --configfile" in killed
    assert "When these" not in drawn(study("killed", {"a": (1,)}, updated=940.0), 80)
    assert "no update from Snakemake for 1:00" in drawn(study("silent", {"a": (1,)}, updated=940.0), 80)


def test_a_study_that_has_not_begun_is_no_error_and_others_are_named(tmp_path, capsys):
    for name in ("cifar10", "digits"):  # that of digits cannot be read either
        (tmp_path / name / "progress").mkdir(parents=True)
        (tmp_path / name / "progress" / "study.json").write_text("{}")
    assert watch.main(tmp_path / "digits", once=True, wait=False) == 0
    output = " ".join(capsys.readouterr().out.split())  # it is folded, by the length of the path
    assert output.endswith("digits: no run of this study has begun; there are cifar10")


# What is shown on a terminal until the run ends; here a second passes when the view waits for one.


@pytest.fixture
def terminal(monkeypatch):
    """What the view has written on a terminal."""
    screen = Console(width=100, height=40, file=io.StringIO(), force_terminal=True, color_system=None)
    monkeypatch.setattr(watch, "Console", lambda **_: screen)
    return screen.file


def write(folder, done=0, **facts):
    """The file of a study of one job, by a process that is gone."""
    rules = {"train_teacher": {"jobs": 1, "done": done, "seconds": 1.0 * done}}
    facts = {"host": socket.gethostname(), "pid": 2**22 + 1, "ended": None, **facts}
    content = {**facts, "rules": rules, "running": [], "failed": [], "before": {}}
    (folder / "progress").mkdir(parents=True, exist_ok=True)
    (folder / "progress" / "study.json").write_text(json.dumps(content))


def passing(monkeypatch, *events):
    """Each time that the view waits a second, the next of these happens."""
    left = list(events)
    monkeypatch.setattr(watch.time, "sleep", lambda _: left.pop(0)())
    return left


DONE, KILLED = {"ended": 200.0, "done": 1}, {}


@pytest.mark.parametrize(
    ("last", "reason"), [(DONE, "in the last one all jobs were done"), (KILLED, "the last one was killed")]
)
def test_it_waits_for_the_next_run_of_a_study_that_is_done_or_was_killed(
    tmp_path, terminal, monkeypatch, last, reason
):
    now = watch.time.time()
    write(tmp_path / "digits", started=100.0, updated=200.0, **last)
    left = passing(
        monkeypatch,
        lambda: write(tmp_path / "digits", started=now, updated=now + 1),
        lambda: write(tmp_path / "digits", started=now, updated=now + 2, ended=now + 2, done=1),
    )
    assert watch.main(tmp_path / "digits", once=False, wait=True) == 0
    assert left == []
    text = " ".join(terminal.getvalue().split())
    assert f"waits for the next run; {reason}" in text
    assert "had ended before" not in text


@pytest.mark.parametrize(("last", "status"), [(DONE, 0), (KILLED, 1)])
def test_without_wait_one_that_ended_before_is_shown_and_how_to_wait(tmp_path, terminal, last, status):
    write(tmp_path / "digits", started=100.0, updated=200.0, **last)
    assert watch.main(tmp_path / "digits", once=False, wait=False) == status
    assert "make watch WAIT=--wait" in terminal.getvalue()


def test_one_that_ends_while_it_is_waited_for_ends_the_view(tmp_path, terminal, monkeypatch):
    now = watch.time.time()
    write(tmp_path / "digits", started=now, updated=now)
    passing(monkeypatch, lambda: write(tmp_path / "digits", started=now, updated=now + 1, ended=now + 1))
    assert watch.main(tmp_path / "digits", once=False, wait=True) == 1
    assert "had ended before" not in terminal.getvalue()


def test_make_watch_hands_wait_on():
    command = [
        "make",
        "--no-print-directory",
        "--dry-run",
        "watch",
        f"VENV={sys.prefix}",
        "STUDY=big",
        "WAIT=--wait",
    ]
    done = subprocess.run(command, cwd=Path(__file__).parents[3], check=True, capture_output=True, text=True)
    assert done.stdout.endswith('watch.py "$folder" --wait\n')
