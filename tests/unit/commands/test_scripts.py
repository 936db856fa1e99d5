"""The scripts that `make open` and `make clean` call."""

import json
import sys
import time
import webbrowser
from pathlib import Path

import pytest

import clean_study
import find_study
import open_report
from kd.commands.line import cores_of, on_command_line, study_parser, whole
from kd.errors import UserError


@pytest.fixture(autouse=True)
def study(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = Path("results/s")
    (folder / "logs").mkdir(parents=True)
    (folder / "report.html").write_text("x" * 1_500_000)
    (folder / "logs" / "a.log").touch()
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    return folder


def running(study, phase_updated):
    facts = {"host": "elsewhere", "pid": 1, "started": 1.0, "updated": phase_updated, "ended": None}
    (study / "progress").mkdir()
    empty = {"rules": {}, "running": [], "failed": [], "before": {}}
    (study / "progress" / "study.json").write_text(json.dumps(facts | empty))


@pytest.mark.parametrize(
    ("answer", "gone"), [("y", True), ("Yes ", True), ("", False), ("n", False), (None, False)]
)
def test_results_are_deleted_after_a_question(study, monkeypatch, capsys, answer, gone):
    def asked(question):
        assert question == "Delete results/s? [y/N] "
        if answer is None:
            raise EOFError
        return answer

    monkeypatch.setattr("builtins.input", asked)
    assert clean_study.main("s", yes=False) == (0 if gone else 1)
    assert study.exists() is not gone
    out = capsys.readouterr().out
    assert out.startswith("results/s: 2 files, 1.5 MB\n")
    assert out.endswith("results/s is deleted.\n" if gone else "Nothing is deleted.\n")


def test_without_a_terminal_only_a_flag_deletes(study, monkeypatch):
    monkeypatch.setattr("sys.stdin.isatty", lambda: False, raising=False)
    with pytest.raises(UserError, match="no terminal to ask"):
        clean_study.main("s", yes=False)
    assert study.exists()
    assert clean_study.main("s", yes=True) == 0
    assert not study.exists()


@pytest.mark.parametrize("name", ["", "t", "..", "s/logs", "s/../s", "_downloads"])
def test_only_the_folder_of_a_study_is_deleted(study, name):
    with pytest.raises(UserError, match=r"there are: s$"):
        clean_study.main(name, yes=True)
    assert study.exists()


def test_a_link_and_a_running_study_stay(study, tmp_path):
    Path("results/link").symlink_to(study.resolve())
    with pytest.raises(UserError, match="results/link is a link to"):
        clean_study.main("link", yes=True)
    running(study, time.time())
    with pytest.raises(UserError, match="a run writes into it"):
        clean_study.main("s", yes=True)
    assert (study / "report.html").exists()


def test_a_report_is_shown_where_a_window_can_be(study, monkeypatch, capsys):
    opened = []
    monkeypatch.setattr(webbrowser, "open", lambda address: not opened.append(address))
    for name in open_report.WINDOWS:
        monkeypatch.delenv(name, raising=False)
    path = study.resolve() / "report.html"
    monkeypatch.setattr(sys, "platform", "linux")
    open_report.main("s")
    assert (
        capsys.readouterr().out == f"Report: {path}\nNo browser can be started here. Open this file in one.\n"
    )
    monkeypatch.setenv("DISPLAY", ":0")
    open_report.main("s")
    assert capsys.readouterr().out == f"Report: {path}\n"
    assert opened == [path.as_uri()]


def test_a_study_without_a_report_says_how_to_make_it(study):
    (study / "report.html").unlink()
    with pytest.raises(
        UserError, match=r"no file results/s/report\.html; run the study first: make run STUDY=s"
    ):
        open_report.main("s")


def test_an_error_is_one_line_and_ctrl_c_is_none(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["find_study.py", "t"])
    assert on_command_line(lambda study: find_study.main("config", study), study_parser("d")) == 1
    assert capsys.readouterr().err.startswith("error: STUDY=t: no file config/t.yaml")

    def stopped(study):
        raise KeyboardInterrupt

    assert on_command_line(stopped, study_parser("d")) == 130
    assert capsys.readouterr() == ("", "")


def test_numbers_of_the_command_line_are_checked():
    assert (whole("0"), cores_of("all"), cores_of("4")) == (0, "all", "4")
    for check, text in ((whole, "-1"), (whole, "x"), (cores_of, "0"), (cores_of, "")):
        with pytest.raises(Exception, match="should be"):
            check(text)
