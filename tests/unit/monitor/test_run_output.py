"""What Snakemake prints of a run, by the fields of its log records."""

import io
import json
import logging
import subprocess
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from kd.monitor.recorder import Recorder
from kd.monitor.terminal import display
from kd.monitor.terminal.lines import accuracy
from kd.monitor.terminal.run_output import RunOutput, Workflow
from kd.monitor.terminal.screen import Screen, has_live_view

LOGS = "results/tiny/logs"
PLANNED = {"prepare_data": 1, "train_teacher": 2}


class Run:
    """A run of Snakemake of three jobs, and what is printed of it."""

    def __init__(self, live=False, executes=True, **options):
        self.stream, self.prefixes = io.StringIO(), []
        self.recorder = Recorder(Path("results/tiny/progress"), lambda: PLANNED)
        about = Workflow(
            Path("results/tiny"),
            lambda: executes,
            dict,
            self.prefixes.append,
            ("--configfile", "tiny.yaml"),
        )
        screen = Screen(self.stream, live)
        self.output = RunOutput(self.recorder, about, screen, logging.Formatter("%(message)s"), **options)
        self.left = []  # what Snakemake's own handler prints
        self.tell("workflow_started", "SNAKEMAKE ...")

    def tell(self, event=None, msg=None, level=logging.INFO, **fields):
        record = logging.makeLogRecord({"event": event, "msg": msg, "levelno": level, **fields})
        if not self.output.replaces(record):
            self.left.append(msg)
        for handler in (self.recorder, self.output):
            handler.handle(record)

    def start(self, number, rule, output=(), **wildcards):
        log = "/".join([f"{LOGS}/{rule}", *wildcards.values()]) + ".log"
        self.tell("job_started", "Execute 1 jobs...", jobs=[number])
        fields = {"rule_name": rule, "wildcards": wildcards, "log": [log], "output": output}
        self.tell("job_info", jobid=number, **fields)
        return Path(log)

    def finish(self, number):
        self.tell("job_finished", "Finished jobid", job_id=number)

    def fail(self, number, exits="", rule_msg=None):
        if exits:
            self.tell("error", exits, logging.ERROR)
        self.tell("job_error", "Error in rule", logging.ERROR, jobid=number, rule_msg=rule_msg)

    def end(self):
        """All that it has printed, line by line."""
        self.recorder.close()
        self.output.close()
        self.output.close()
        return self.stream.getvalue().splitlines()


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def trained(folder):
    """The metrics.json of a teacher."""
    path = folder / "results/tiny/teachers/big/metrics.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps({"test_accuracy": 97.084}))
    return str(path.relative_to(folder))


def test_a_line_for_each_finished_job_with_its_result(trained):
    run = Run()
    run.start(1, "prepare_data")
    run.finish(1)
    run.start(2, "train_teacher", [trained], teacher="big")
    run.tell("progress", done=1, total=4)
    run.finish(2)
    run.start(3, "all")  # makes nothing
    run.finish(3)
    lines = run.end()
    assert lines[0] == 'Study "tiny": 3 jobs. Logs: results/tiny/logs (KD_VERBOSE=1 prints them here)'
    assert lines[1].split() == ["[1/3]", "prepare_data", "0:00"]
    assert lines[2].split() == ["[2/3]", "train_teacher", "big", "97.08", "%", "0:00"]
    assert lines[3] == "Done: 2 jobs in 0:00."  # a checkpoint left one job less
    assert len(lines) == 4
    assert run.left == []


@pytest.mark.parametrize(
    ("metrics", "result"),
    [
        ({"validation_accuracy": 50.0}, "50.00 %"),
        ({"diverged": "the loss is not finite", "validation_accuracy": None}, "diverged"),
        ({"test_accuracy": None}, ""),
        ([], ""),
    ],
)
def test_the_result_of_a_trial_and_of_odd_metrics(folder, metrics, result):
    (folder / "metrics.json").write_text(json.dumps(metrics))
    assert accuracy(["history.csv", "metrics.json"]) == result
    assert accuracy(["none/metrics.json"]) == accuracy([]) == ""


def test_what_warns_is_printed_and_lists_of_files_are_not():
    run = Run()
    run.tell(None, "Building DAG of jobs...")
    run.start(1, "prepare_data")
    run.tell("progress", done=1, total=4)
    run.tell(None, "Select jobs to execute...")
    run.tell(None, "the disk is slow", logging.WARNING)
    run.tell("error", "MissingOutputException: waited for a file", logging.ERROR)
    text = "\n".join(run.end())
    for shown in ("Building DAG of jobs...", "the disk is slow", "MissingOutputException"):
        assert shown in text
    assert "Select" not in text


def test_failed_jobs_are_named_once_at_the_end_with_error_and_log():
    run = Run()
    log = run.start(1, "train_teacher", teacher="wild")
    log.parent.mkdir(parents=True)
    log.write_text("10:00:00 [wild]  epoch 1\n10:00:01 error: the loss is not finite\n")
    run.fail(1, "RuleException:\nCalledProcessError in file x:\nCommand 'y' returned non-zero exit status 1.")
    run.start(2, "train_teacher", teacher="big")
    run.fail(2, "RuleException:\nCalledProcessError in file x:\nCommand died with <Signals.SIGKILL: 9>.")
    run.start(3, "prepare_data")
    run.fail(3, rule_msg="SLURM-job '7' failed, SLURM status is: 'OUT_OF_MEMORY'")
    run.tell(None, "Exiting because a job execution failed. Look above", logging.ERROR)
    run.tell("error", "WorkflowError:\nAt least one job did not complete successfully.", logging.ERROR)
    lines = run.end()
    assert [line.split()[1:] for line in lines[1:4]] == [
        ["train_teacher", "wild", "failed;", "log:", str(log)],
        ["train_teacher", "big", "failed;", "log:", f"{LOGS}/train_teacher/big.log"],
        ["prepare_data", "failed;", "log:", f"{LOGS}/prepare_data.log"],
    ]
    assert lines[4:] == [
        "3 of 3 jobs failed after 0:00; 0 are done:",
        "  train_teacher  wild",
        "    error: the loss is not finite",
        f"    log: {log}",
        "  train_teacher  big",
        "    the job was ended by the signal SIGKILL (SIGKILL: memory may have run out)",
        f"    log: {LOGS}/train_teacher/big.log",
        "  prepare_data",
        "    SLURM-job '7' failed, SLURM status is: 'OUT_OF_MEMORY'",
        f"    log: {LOGS}/prepare_data.log",
        "Finished jobs are kept. To continue, run the same command.",
    ]
    assert run.left == []


def test_a_job_that_fails_and_succeeds_when_it_is_started_again_is_no_failure():
    run = Run()
    run.start(1, "prepare_data")
    run.fail(1)
    run.tell(None, "Trying to restart job 1.")
    for number, rule in enumerate(("prepare_data", "train_teacher", "train_teacher"), 1):
        run.start(number, rule)
        run.finish(number)
    lines = run.end()
    assert "Trying to restart job 1." in lines
    assert lines[-1] == "Done: 3 jobs in 0:00."


def test_a_run_that_an_error_ends_has_stopped():
    run = Run()
    run.start(1, "prepare_data")
    run.tell("error", "OSError: the disk is gone", logging.ERROR)
    run.finish(1)
    run.tell("error", "OSError: the disk is gone for good", logging.ERROR)
    lines = run.end()
    assert "OSError: the disk is gone for good" in lines
    assert lines[-1] == "Stopped after 0:00: 1 of 3 jobs done. Run the same command to resume."


@pytest.mark.parametrize("how", [{"executes": False}, {"replacing": False}])
def test_a_dry_run_and_one_of_which_all_is_wanted_are_left_to_snakemake(how):
    run = Run(**how)
    run.tell(None, "Building DAG of jobs...")
    run.start(1, "prepare_data")
    assert run.left == ["SNAKEMAKE ...", "Building DAG of jobs...", "Execute 1 jobs...", None]
    lines = run.end()
    assert [line.split()[0] for line in lines] == ([] if "executes" in how else ["Stopped"])
    assert run.prefixes == []


def test_quiet_prints_the_end_alone_and_what_warns():
    run = Run(quiet=True)
    run.start(1, "prepare_data")
    run.tell(None, "the disk is slow", logging.WARNING)
    run.finish(1)
    assert run.end() == ["the disk is slow", "Done: 1 job in 0:00."]
    assert run.left == []


def test_what_begins_no_run_is_left_to_snakemake():
    run = Run()
    run.output._began = False
    run.tell(None, "Unlocked working directory.")
    assert run.left == ["Unlocked working directory."]
    assert run.end() == []


def test_where_it_fails_snakemake_prints_again():
    run = Run()
    run.start(1, "prepare_data")
    run.tell("job_info", jobid=[], rule_name=None, wildcards=None, log=None, output=None)
    run.tell(None, "Select jobs to execute...")
    assert run.left == ["Select jobs to execute..."]
    run.end()


def test_what_jobs_write_to_stderr_is_printed():
    run = Run()
    run.start(1, "prepare_data")
    (prefix,) = run.prefixes
    subprocess.run(["bash", "-c", f"{prefix} echo the font is missing >&2"], check=True)
    assert "the font is missing" in run.end()


def test_a_long_silence_is_broken_ever_more_seldom(monkeypatch):
    monkeypatch.setattr(display, "EVERY", 0.01)
    monkeypatch.setattr(display, "SILENCE", (0.02, 10.0))
    run = Run()
    log = run.start(1, "prepare_data")
    log.parent.mkdir(parents=True)
    log.write_text("10:00:00 waits for a lock\n")
    time.sleep(0.3)
    lines = [line for line in run.end() if line.startswith("[0/3] running for")]
    assert 1 <= len(lines) <= 4
    assert lines[0].endswith("Running: prepare_data (waits for a lock)")


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_on_a_terminal_there_is_a_view_and_no_line_of_a_job(monkeypatch, trained):
    monkeypatch.setattr(display, "EVERY", 0.01)
    monkeypatch.setattr(io, "StringIO", Terminal)
    run = Run(live=True)
    run.start(1, "train_teacher", [trained], teacher="big")
    time.sleep(0.2)
    run.tell(None, "the disk is slow", logging.WARNING)
    run.finish(1)
    time.sleep(0.1)
    text = "\n".join(run.end())
    assert "tiny: 0 of 3 jobs done" in text
    assert "tiny: 1 of 3 jobs done" in text
    assert "the disk is slow" in text
    assert "97.08 %" not in text
    assert text.rindex("\x1b[?25h") > text.rindex("\x1b[?25l"), "the cursor stays hidden"
    assert text.splitlines()[-1].endswith("Done: 1 job in 0:00.")


@pytest.mark.parametrize(
    ("term", "notebook", "is_terminal", "live"),
    [
        ("xterm", "", True, True),
        ("dumb", "", True, False),
        ("", "", True, False),
        ("xterm", "12", True, False),
        ("xterm", "", False, False),
    ],
)
def test_a_view_needs_a_terminal_that_moves_its_cursor(monkeypatch, term, notebook, is_terminal, live):
    monkeypatch.setenv("TERM", term)
    monkeypatch.delenv("JPY_PARENT_PID", raising=False)
    if notebook:
        monkeypatch.setenv("JPY_PARENT_PID", notebook)
    assert has_live_view(SimpleNamespace(isatty=lambda: is_terminal)) == live
