"""The commit on record is that of the code, and of no repository around it."""

import os
import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

from kd.runtime import provenance

pytestmark = pytest.mark.skipif(not shutil.which("git"), reason="git is not installed")


def git(folder, *arguments):
    names = ["-c", "user.name=me", "-c", "user.email=me@localhost"]
    command = ["git", *names, *arguments]
    return subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """A repository with one commit of the user's, and the code in a folder of it that is not in the commit."""
    for name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "code").mkdir()
    shutil.copy(provenance.__file__, tmp_path / "code" / "provenance.py")
    (tmp_path / "thesis.tex").write_text("one")
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", "thesis.tex")
    git(tmp_path, "commit", "-qm", "thesis")
    return tmp_path


def commit(repository):
    spec = spec_from_file_location("copied", repository / "code" / "provenance.py")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.commit()


def test_a_repository_that_does_not_track_the_code_is_not_its_own(repository):
    assert commit(repository) == "unknown"
    git(repository, "add", "code")
    git(repository, "commit", "-qm", "code")
    head = git(repository, "rev-parse", "--short=12", "HEAD")
    assert commit(repository) == head
    (repository / "thesis.tex").write_text("two")
    assert commit(repository) == f"{head}+"


def test_the_users_index_is_left_alone(repository):
    git(repository, "add", "code")
    index = repository / ".git" / "index"
    # Of another time than in the index, which git status would correct.
    os.utime(repository / "thesis.tex", (1, 1))
    before = index.read_bytes(), index.stat().st_mtime_ns
    assert commit(repository)
    assert (index.read_bytes(), index.stat().st_mtime_ns) == before


def test_without_git_it_is_unknown(repository, monkeypatch):
    monkeypatch.setenv("PATH", str(Path(repository)))
    assert commit(repository) == "unknown"


def test_the_time_is_utc_to_the_second_and_names_no_zone():
    before = datetime.now(UTC).replace(microsecond=0)
    read = datetime.fromisoformat(provenance.finished())
    assert before <= read <= datetime.now(UTC)
    assert read.utcoffset() == timedelta(0)
