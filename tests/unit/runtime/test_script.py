"""How a script ends: log, message, exit code."""

import logging

import pytest

from kd.errors import UserError
from kd.plan.user_files import log_to_stderr
from kd.runtime.script import run


@pytest.fixture(autouse=True)
def no_handlers_left():
    yield
    logging.getLogger("kd").handlers.clear()


def test_messages_go_to_the_log_and_to_stderr(tmp_path, capsys):
    log = tmp_path / "log"
    run(str(log), lambda text: logging.getLogger("kd").info("says %s", text), text="hello")
    assert log.read_text().endswith("says hello\n")
    assert capsys.readouterr().err.endswith("says hello\n")


def fail(error):
    raise error


def test_a_user_error_is_one_line_and_status_1(tmp_path, capsys):
    log = tmp_path / "log"
    with pytest.raises(SystemExit) as caught:
        run(str(log), fail, error=UserError("dataset.path: no folder 'x'"))
    assert caught.value.code == 1
    assert log.read_text().strip().endswith("error: dataset.path: no folder 'x'")
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_outside_a_job_the_library_speaks_on_stderr_and_only_when_asked(capsys):
    logger = logging.getLogger("kd")
    for _ in range(2):
        logger.info("unheard")
        with log_to_stderr():
            logger.info("hello")
    assert capsys.readouterr() == ("", "hello\nhello\n")


def test_an_unexpected_error_keeps_its_traceback_in_the_log(tmp_path):
    log = tmp_path / "log"
    with pytest.raises(SystemExit) as caught:
        run(str(log), fail, error=ZeroDivisionError("oops"))
    assert caught.value.code == 1
    assert "Traceback" in log.read_text()
    assert "ZeroDivisionError: oops" in log.read_text()
