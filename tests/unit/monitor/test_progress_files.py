"""How far jobs and the whole study are, as files say it."""

import json
import logging
import os
import socket
import time

import pytest

from kd.monitor import log as runlog
from kd.monitor import progress, recorder
from kd.monitor.progress import ProgressFile
from kd.monitor.recorder import Recorder
from kd.monitor.status import Job, read_study


def test_a_progress_file_says_who_tells_and_is_gone_at_the_end(tmp_path):
    path = tmp_path / "deep" / "0.json"
    with ProgressFile(path, "[cnn]"):
        entry = json.loads(path.read_text())
        assert (entry["label"], entry["pid"], entry["host"]) == ("[cnn]", os.getpid(), socket.gethostname())
        assert entry["started"] <= entry["updated"] <= time.time()
    assert not path.exists()
    with pytest.raises(ZeroDivisionError), ProgressFile(path, "[cnn]"):
        raise ZeroDivisionError
    assert list(path.parent.iterdir()) == []


def test_it_is_written_at_most_once_a_second_and_says_the_last_then(tmp_path, monkeypatch):
    clock = [100.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: clock[0])
    with ProgressFile(tmp_path / "0.json", "[cnn]") as shown:
        for epoch in (1, 2, 3):
            shown.update(epoch=epoch)
        assert "epoch" not in json.loads((tmp_path / "0.json").read_text())
        clock[0] += 1.01
        shown.update(share=0.5)
        entry = json.loads((tmp_path / "0.json").read_text())
        assert (entry["epoch"], entry["share"]) == (3, 0.5)


@pytest.mark.parametrize(
    ("takes", "expected"),
    [(0.001, [0, 2, 4, 6]), (0.05, [0, 6, 12, 18]), (0.5, [0, 11, 22, 33]), (5.0, [0, 15, 30, 45])],
)
def test_writing_takes_a_hundredth_of_the_time_until_that_would_be_silence(
    tmp_path, monkeypatch, takes, expected
):
    """So where a writing takes 0.05 s it is done every 5 s; but every 10 s, however long it takes."""
    clock = [100.0]

    def write(path, content):
        written.append(content["epoch"])
        clock[0] += takes

    written = []
    monkeypatch.setattr(progress.time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(progress, "write_progress", write)
    shown = ProgressFile(tmp_path / "0.json", "[cnn]")
    for seconds in range(50):
        clock[0] = max(clock[0], 100.0 + seconds)
        if clock[0] == 100.0 + seconds:  # while it writes it tells nothing
            shown.update(epoch=seconds)
    assert written[:4] == expected


def test_what_cannot_be_written_stops_nothing(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with ProgressFile(tmp_path / "file" / "0.json", "[cnn]") as shown:
        shown.update(epoch=1)
    with ProgressFile(None, "[cnn]") as shown:
        shown.update(epoch=1)
        assert not shown.due


def test_a_training_tells_its_epoch_accuracy_and_time_left(tmp_path, monkeypatch):
    """A quarter of the second of four epochs, 50 s after the start: 5/16 done, 110 s left."""
    clock = [100.0]
    monkeypatch.setattr(runlog.time, "monotonic", lambda: clock[0])
    path = tmp_path / "0.json"
    row = dict.fromkeys(("loss", "train_accuracy", "validation_loss", "lr", "images_per_second"), 1.0)
    with ProgressFile(path, "[cnn]") as shown:
        log = runlog.TrainingLog("[cnn]", 4, 60, progress=shown)
        log.on_step(1, 0)
        clock[0] += 40
        log.on_epoch({**row, "epoch": 1, "validation_accuracy": 61.5})
        clock[0] += 10
        log.on_step(2, 15)
        entry = json.loads(path.read_text())
    assert {key: entry[key] for key in ("epoch", "epochs", "share", "validation_accuracy")} == {
        "epoch": 2,
        "epochs": 4,
        "share": 5 / 16,
        "validation_accuracy": 61.5,
    }
    assert entry["left"] == pytest.approx(110)


def test_a_resumed_training_counts_only_its_own_time(tmp_path, monkeypatch):
    """Two of four epochs were done before; half an epoch took 5 s, so 15 s are left."""
    clock = [100.0]
    monkeypatch.setattr(runlog.time, "monotonic", lambda: clock[0])
    path = tmp_path / "0.json"
    with ProgressFile(path, "[cnn]") as shown:
        log = runlog.TrainingLog("[cnn]", 4, 60, progress=shown)
        log.on_resume([{"epoch": 2, "validation_accuracy": 70.0}], 2.0)
        clock[0] += 5
        log.on_step(3, 30)
        entry = json.loads(path.read_text())
    assert (entry["share"], entry["left"], entry["validation_accuracy"]) == (2.5 / 4, pytest.approx(15), 70.0)


# What Snakemake's log says, by the fields of its records.


def tell(handler, event, **fields):
    handler.handle(logging.makeLogRecord({"event": event, "msg": None, **fields}))


def start(handler, number, rule, log=None, **wildcards):
    tell(handler, "job_started", jobs=[number])
    log = [log] if log else []
    tell(handler, "job_info", jobid=number, rule_name=rule, wildcards=wildcards, log=log)


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(progress, "EVERY", 0.01)


@pytest.fixture
def planned():
    return {"prepare_data": 1, "train_teacher": 2}


@pytest.fixture
def study(tmp_path, planned, quick):
    handler = Recorder(tmp_path / "tiny" / "progress", lambda: planned)
    yield handler, tmp_path / "tiny"
    handler.close()


def soon(folder, holds):
    """The study when `holds(study)` is true, which is soon."""
    deadline = time.monotonic() + 10
    while not ((state := read_study(folder)) and holds(state)):
        assert time.monotonic() < deadline, state
        time.sleep(0.01)
    return state


def test_nothing_is_written_before_a_job_is_started(study):
    handler, folder = study
    tell(handler, "run_info", stats={"total": 3})
    tell(handler, "job_info", jobid=1, rule_name="prepare_data", wildcards={}, log=[])  # a dry run's
    handler.close()
    assert not folder.exists()


def test_jobs_are_waiting_then_running_then_done(study):
    handler, folder = study
    start(handler, 1, "prepare_data", log="results/tiny/logs/prepare_data.log")
    state = soon(folder, lambda it: it.running)
    assert (state.phase, state.done, state.jobs) == ("running", 0, 3)
    assert [job.label for job in state.running] == ["prepare_data"]
    assert state.waiting == {"train_teacher": 2}
    tell(handler, "job_finished", job_id=1)
    start(handler, 2, "train_teacher", log="results/tiny/logs/train_teacher/big.log", teacher="big")
    state = soon(folder, lambda it: it.done == 1 and it.running)
    assert [(job.label, job.epoch) for job in state.running] == [("big", None)]
    assert state.waiting == {"train_teacher": 1}
    tell(handler, "job_finished", job_id=2)
    start(handler, 3, "train_teacher", teacher="small")
    tell(handler, "job_finished", job_id=3)
    handler.close()
    state = read_study(folder)
    assert (state.phase, state.done, state.waiting, state.running) == ("done", 3, {}, ())


def test_a_failed_job_is_named_with_its_log_unless_it_is_started_again(study):
    handler, folder = study
    start(handler, 2, "train_teacher", log="results/tiny/logs/train_teacher/big.log", teacher="big")
    tell(handler, "job_error", jobid=2)
    failed = soon(folder, lambda it: it.failed)
    assert failed.failed == (Job("train_teacher", "big", "results/tiny/logs/train_teacher/big.log"),)
    assert failed.waiting == {"prepare_data": 1, "train_teacher": 1}
    start(handler, 2, "train_teacher", log="results/tiny/logs/train_teacher/big.log", teacher="big")
    assert not soon(folder, lambda it: it.running).failed
    tell(handler, "job_error", jobid=2)
    handler.close()
    assert read_study(folder).phase == "failed"


def test_what_happens_while_it_is_written_is_written_the_next_time(study, planned, monkeypatch):
    """JSON cannot be made of a dictionary that changes meanwhile."""
    handler, folder = study
    original, first = recorder.write_progress, []

    def write(path, content):
        if content["running"] and not first:
            tell(handler, "job_error", jobid=1)
            planned["train_teacher"] = 5
            tell(handler, "progress", done=0, total=6)
            first.append(("failed" in content["running"][0], content["rules"]["train_teacher"]["jobs"]))
        original(path, content)

    monkeypatch.setattr(recorder, "write_progress", write)
    start(handler, 1, "prepare_data")
    assert soon(folder, lambda it: it.failed).jobs == 6
    assert first == [(False, 2)]


def test_jobs_that_a_checkpoint_brings_are_counted(study, planned):
    handler, folder = study
    start(handler, 1, "prepare_data")
    tell(handler, "job_finished", job_id=1)
    planned["run_trial"] = 7
    tell(handler, "progress", done=1, total=10)
    assert soon(folder, lambda it: it.jobs == 10).waiting == {"train_teacher": 2, "run_trial": 7}


def test_what_ctrl_c_ends_has_not_failed(study):
    """Whether the job's end is logged after Snakemake's message, or just before it; what failed earlier has."""
    handler, folder = study
    start(handler, 1, "prepare_data")
    start(handler, 2, "train_teacher", teacher="big")
    tell(handler, "job_error", jobid=1)
    message = "Terminating processes on user request, this might take some time."
    handler.handle(logging.makeLogRecord({"msg": message}))
    tell(handler, "job_error", jobid=2)
    handler.close()
    state = read_study(folder)
    assert (state.phase, state.failed, state.waiting) == ("stopped", (), {"train_teacher": 1})
    assert [job.label for job in state.running] == ["prepare_data", "big"]


def test_what_failed_before_ctrl_c_has_failed(study, monkeypatch):
    monkeypatch.setattr(recorder, "TOGETHER", 0.0)
    handler, folder = study
    start(handler, 1, "prepare_data")
    tell(handler, "job_error", jobid=1)
    handler.handle(logging.makeLogRecord({"msg": "Terminating processes on user request"}))
    handler.close()
    assert read_study(folder).phase == "failed"


def test_what_ctrl_c_has_ended_has_not_failed_however_late_its_records_come(study, monkeypatch):
    monkeypatch.setattr(recorder, "TOGETHER", 0.01)
    handler, folder = study
    start(handler, 1, "prepare_data")
    records = [
        {"event": "job_error", "msg": None, "jobid": 1},
        {"msg": "Terminating processes on user request"},
    ]
    for record in [logging.makeLogRecord(fields | {"created": time.time()}) for fields in records]:
        time.sleep(0.05)
        handler.handle(record)
    handler.close()
    assert (read_study(folder).phase, read_study(folder).failed) == ("stopped", ())


def test_a_run_that_is_broken_off_has_stopped(study):
    handler, folder = study
    start(handler, 1, "prepare_data")
    handler.close()
    assert read_study(folder).phase == "stopped"


def test_a_second_run_forgets_the_files_of_the_first_but_not_how_long_its_jobs_took(study, planned):
    handler, folder = study
    start(handler, 1, "prepare_data")
    time.sleep(0.05)
    tell(handler, "job_finished", job_id=1)
    handler.close()
    left_behind = folder / "progress" / "train_teacher" / "big.json"
    left_behind.parent.mkdir()
    left_behind.write_text("{}")
    second = Recorder(folder / "progress", lambda: {"train_teacher": 1})
    start(second, 2, "train_teacher", teacher="big")
    second.close()
    state = read_study(folder)
    assert state.jobs == 1
    assert 0.05 <= state.before["prepare_data"] < 5
    assert not left_behind.exists()


def test_whatever_goes_wrong_in_it_does_not_reach_snakemake(tmp_path, quick):
    def broken():
        raise RuntimeError

    handler = Recorder(tmp_path / "progress", broken)
    start(handler, 1, "prepare_data")
    tell(handler, "job_finished", job_id=1)
    handler.close()
    (tmp_path / "file").write_text("in the way")
    handler = Recorder(tmp_path / "file" / "progress", lambda: {"prepare_data": 1})
    start(handler, 1, "prepare_data")
    tell(handler, "job_info")  # without its fields
    handler.close()


def test_snakemake_closes_it_while_it_holds_its_lock(study):
    handler, folder = study
    start(handler, 1, "prepare_data")
    handler.acquire()
    began = time.monotonic()
    handler.close()
    handler.release()
    assert time.monotonic() - began < 5
    assert read_study(folder).phase == "stopped"


# Contents that such files may have.


def write_study(folder, **changes):
    now = 1000.0
    facts = {
        "host": socket.gethostname(),
        "pid": os.getpid(),
        "started": 900.0,
        "updated": now,
        "ended": None,
    }
    facts |= {"before": {}, "rules": {"train_teacher": {"jobs": 2, "done": 0, "seconds": 0.0}}, "failed": []}
    log = "results/tiny/logs/train_teacher/big.log"
    facts["running"] = [
        {"rule": "train_teacher", "wildcards": {"teacher": "big"}, "log": log, "started": 950.0}
    ]
    (folder / "progress" / "train_teacher").mkdir(parents=True, exist_ok=True)
    (folder / "progress" / "study.json").write_text(json.dumps(facts | changes))


def write_job(folder, **changes):
    entry = {"label": "[big teacher, seed 1]", "epoch": 3, "epochs": 8, "share": 0.25, "left": 60.0}
    entry |= {"validation_accuracy": 88.5, "updated": 999.0, "started": 955.0, "host": "n1", "pid": 1}
    (folder / "progress" / "train_teacher" / "big.json").write_text(json.dumps(entry | changes))


def test_a_running_job_says_where_it_is(tmp_path):
    write_study(tmp_path)
    write_job(tmp_path)
    (job,) = read_study(tmp_path, 1000.0).running
    assert (job.label, job.epoch, job.epochs, job.accuracy) == ("big", 3, 8, 88.5)
    assert (job.share, job.left, job.silent) == (0.25, 60.0, None)


@pytest.mark.parametrize(
    ("wildcards", "label"),
    [
        ({"method": "kd", "seed": "0", "student": "cnn", "teacher": "big"}, "big -> cnn, kd, seed 0"),
        ({"epochs": "60", "seed": "2", "teacher": "big"}, "big, seed 2, epochs 60"),
        ({"seed": "3", "student": "cnn"}, "cnn, seed 3"),
        ({"file": "images.zip"}, "images.zip"),
        ({}, "train_teacher"),
    ],
)
def test_a_label_is_the_same_before_and_after_a_job_speaks(tmp_path, wildcards, label):
    """In an order that people read, not that of the alphabet, in which the file has them."""
    log = "results/tiny/logs/train_teacher/big.log"
    write_study(
        tmp_path,
        running=[{"rule": "train_teacher", "wildcards": wildcards, "log": log, "started": 950.0}],
    )
    assert [job.label for job in read_study(tmp_path, 1000.0).running] == [label]
    write_job(tmp_path)
    assert [(job.label, job.epoch) for job in read_study(tmp_path, 1000.0).running] == [(label, 3)]


def test_what_an_earlier_attempt_left_is_not_believed(tmp_path):
    write_study(tmp_path)
    write_job(tmp_path, updated=940.0)  # the job was started at 950
    (job,) = read_study(tmp_path, 1000.0).running
    assert (job.label, job.epoch, job.left) == ("big", None, None)


def test_a_job_that_says_nothing_any_more_is_silent(tmp_path):
    write_study(tmp_path, updated=1100.0)
    write_job(tmp_path)
    (job,) = read_study(tmp_path, 1100.0).running
    assert job.silent == 101.0


def test_a_snakemake_that_was_killed_is_distinguished_from_one_that_cannot_be_seen(tmp_path):
    write_study(tmp_path)
    assert read_study(tmp_path, 1029.0).phase == "running"
    assert read_study(tmp_path, 1031.0).phase == "silent"  # it lives, as this process does
    write_study(tmp_path, pid=2**22 + 1)  # more than Linux gives
    assert read_study(tmp_path, 1031.0).phase == "killed"
    write_study(tmp_path, pid=2**22 + 1, host="another")
    assert read_study(tmp_path, 1031.0).phase == "silent"


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"rules": 3}'])
def test_a_study_that_is_not_whole_has_not_begun(tmp_path, content):
    (tmp_path / "progress").mkdir()
    assert read_study(tmp_path) is None
    (tmp_path / "progress" / "study.json").write_text(content)
    assert read_study(tmp_path) is None
