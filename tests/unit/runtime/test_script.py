"""How a script gets its arguments and how it ends: log, message, exit code."""

import json
import logging
import os
import re
import signal
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace

import pytest
from snakemake.iocontainers import Namedlist

from kd.errors import UserError
from kd.jobs.teachers import TargetsJob
from kd.plan.user_files import log_to_stderr
from kd.runtime.script import beside_log, fill, run
from kd.settings.compute import Compute

CONFIG = {
    "compute": Compute(threads=3).model_dump(),
    "user_files": {"mine": "~/w.safetensors"},
    "work": "results/tiny/work",
    "progress": "results/tiny/progress",
    "mirror": "http://here",
    "at_once": 2,
    "cores_of_one": 3,
}


def script(log="results/tiny/logs/rule/a.log", **lists):
    """What Snakemake gives a script; of `input`, `output`, `params` and `wildcards` by name."""
    lists = {"input": {}, "output": {"made": "d"}, "params": {}, "wildcards": {}, **lists}
    named = {kind: Namedlist(fromdict=values) for kind, values in lists.items()}
    return SimpleNamespace(**named, log=[str(log)], config=CONFIG, rule="some_rule", threads=6)


@pytest.fixture(autouse=True)
def no_handlers_left(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # where the locks of jobs lie
    yield
    logging.getLogger("kd").handlers.clear()


# --- Arguments.


def test_files_are_paths_and_several_are_lists_of_them():
    def main(one: Path, maybe: Path | None, many: list[Path], none: Sequence[Path], made: Path): ...

    inputs = {"one": "a", "maybe": "b", "many": ["c"], "none": []}
    assert fill(script(input=inputs, output={"made": "d"}), main, {}) == {
        "one": Path("a"),
        "maybe": Path("b"),
        "many": [Path("c")],
        "none": [],
        "made": Path("d"),
    }


def test_a_job_is_exactly_its_configuration():
    def main(job: TargetsJob, code: str, seed: int, cfg: dict): ...

    cfg = {"seed": 3, "epochs": 5}
    filled = fill(script(params={"cfg": json.dumps(cfg), "code": "abc"}), main, {})
    assert filled == {"job": TargetsJob(**cfg), "code": "abc", "seed": 3, "cfg": cfg}
    with pytest.raises(ValueError, match="lr"):
        fill(script(params={"cfg": json.dumps(cfg | {"lr": 0.1})}), main, {})


def test_what_is_no_part_of_a_result_comes_from_the_config():
    def main(compute: Compute, work: Path | None, progress: Path, mirror: str, at_once: int, share: int): ...

    assert fill(script(), main, {}) == {
        "at_once": 2,
        "share": 6 // 3,  # of the cores that Snakemake has set aside for this job
        "compute": Compute(threads=3),
        "work": Path("results/tiny/work"),
        "progress": Path("results/tiny/progress/rule/a.json"),
        "mirror": "http://here",
    }


@pytest.mark.parametrize(("wildcard", "argument"), [("external", "weights"), ("logits_teacher", "logits")])
def test_the_users_file_is_that_of_the_teacher(wildcard, argument, monkeypatch):
    def main(weights: Path = Path(), logits: Path = Path()): ...

    monkeypatch.setenv("HOME", "/home/me")
    filled = fill(script(wildcards={wildcard: "mine"}), main, {})
    assert filled[argument] == Path("/home/me/w.safetensors")


def test_what_is_explicit_wins_and_what_is_not_there_keeps_its_default():
    def main(work: Path, targets: Sequence[Path] = (), chosen: Path | None = None): ...

    assert fill(script(), main, {"work": Path("x")}) == {"work": Path("x")}


def test_an_argument_that_nothing_fills_is_named(tmp_path):
    def main(dataset: Path, nowhere: Path): ...

    with pytest.raises(TypeError, match="rule some_rule: nothing fills the argument 'nowhere'"):
        fill(script(input={"dataset": "a"}), main, {})


@pytest.mark.parametrize("files", [{"one": ["a"], "many": ["b"]}, {"one": "a", "many": "b"}])
def test_one_file_is_not_several(files):
    def main(one: Path, many: list[Path]): ...

    with pytest.raises(TypeError, match=r"the argument '(one|many)' is"):
        fill(script(input=files), main, {})


def test_a_job_tells_of_itself_below_progress_as_its_log_is_below_logs():
    path = beside_log("results/tiny/progress", "results/tiny/logs/distill_student/big/cnn/kd/0.log")
    assert str(path) == "results/tiny/progress/distill_student/big/cnn/kd/0.json"


# --- How it ends.


@pytest.mark.parametrize(("verbose", "lines"), [("", 2), ("0", 2), ("1", 4)])
def test_messages_go_to_the_log_and_warnings_to_stderr(tmp_path, capsys, monkeypatch, verbose, lines):
    """All of them with KD_VERBOSE=1; what a library prints is no part of stdout."""

    def main(text):
        logging.getLogger("kd").info("says %s", text)
        logging.getLogger("kd").warning("the font is missing")
        print("printed")

    monkeypatch.setenv("KD_VERBOSE", verbose)
    log = tmp_path / "log"
    run(script(log), main, text="hello")
    said, warned, peak = (line[9:] for line in log.read_text().splitlines())
    assert (said, warned) == ("says hello", "the font is missing")
    assert re.fullmatch(r"peak memory: \d+\.\d\d GB", peak)
    out, err = capsys.readouterr()
    assert (out, len(err.splitlines())) == ("", lines)
    assert "the font is missing\nprinted\n" in err


def fail(error):
    raise error


def test_a_user_error_is_one_line_and_status_1(tmp_path, capsys):
    log = tmp_path / "log"
    with pytest.raises(SystemExit) as caught:
        run(script(log), fail, error=UserError("dataset.path: no folder 'x'"))
    assert caught.value.code == 1
    assert log.read_text().strip().endswith("error: dataset.path: no folder 'x'")
    assert len(capsys.readouterr().err.splitlines()) == 1


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (
            FileNotFoundError(2, "No such file or directory", "a/b.npy"),
            "error: [Errno 2] No such file or directory: 'a/b.npy'; mend that and run again",
        ),
        (
            MemoryError("Unable to allocate 9 TiB"),
            "error: there is not enough memory (Unable to allocate 9 TiB); free some and run again",
        ),
    ],
)
def test_a_file_that_cannot_be_used_and_memory_that_runs_out_are_one_line(tmp_path, error, line):
    with pytest.raises(SystemExit) as caught:
        run(script(tmp_path / "log"), fail, error=error)
    assert caught.value.code == 1
    assert (tmp_path / "log").read_text().strip().endswith(line)
    assert len((tmp_path / "log").read_text().splitlines()) == 1


def test_outside_a_job_the_library_speaks_on_stderr_and_only_when_asked(capsys):
    logger = logging.getLogger("kd")
    for _ in range(2):
        logger.info("unheard")
        with log_to_stderr():
            logger.info("hello")
    assert capsys.readouterr() == ("", "hello\nhello\n")


@pytest.mark.parametrize("arguments", [{"error": ZeroDivisionError("oops")}, {}])
def test_an_unexpected_error_keeps_its_traceback_in_the_log(tmp_path, arguments):
    """Of the script, or of whoever wrote its rule."""
    log = tmp_path / "log"
    with pytest.raises(SystemExit) as caught:
        run(script(log), fail, **arguments)
    assert caught.value.code == 1
    assert "Traceback" in log.read_text()
    last = "ZeroDivisionError: oops" if arguments else "nothing fills the argument 'error'"
    assert last in log.read_text()


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGABRT])
def test_a_job_that_dies_by_a_signal_leaves_its_place_in_the_log(tmp_path, number):
    log = tmp_path / "log"
    if (child := os.fork()) == 0:
        run(script(log), lambda: os.kill(os.getpid(), number))
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -number
    assert "Fatal Python error" in log.read_text()
    assert "test_script.py" in log.read_text()
