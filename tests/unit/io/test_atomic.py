"""A file is whole or absent, whatever kills its writer."""

import errno
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

import train
from kd.io.atomic import atomic, atomic_folder
from kd.io.files import read_json, write_json

SCRIPTS = Path(train.__file__).parent


def test_a_failed_write_leaves_what_was_there(tmp_path):
    path = tmp_path / "result.json"
    path.write_text("old")

    def fail():
        with atomic(path) as temporary:
            temporary.write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_nothing_is_there_until_the_end(tmp_path):
    path = tmp_path / "new" / "result.txt"
    with atomic(path) as temporary:
        temporary.write_text("half")
        assert not path.exists()
        assert temporary.suffix == ".txt"
    assert path.read_text() == "half"


def test_others_may_read_what_the_umask_lets_them(tmp_path):
    """safetensors makes files that only their owner can read."""
    path = tmp_path / "model.bin"
    with atomic(path) as temporary:
        temporary.write_text("x")
        temporary.chmod(0o600)
    other = tmp_path / "other"
    other.write_text("x")
    assert path.stat().st_mode == other.stat().st_mode


def test_what_a_killed_writer_left_is_removed_by_the_next(tmp_path):
    dead = subprocess.Popen(["true"])
    dead.wait()

    def left(name, age=0):
        (tmp_path / name).mkdir()
        (tmp_path / name / "new.csv").touch()
        for place in (tmp_path / name / "new.csv", tmp_path / name):
            os.utime(place, (time.time() - age,) * 2)
        return tmp_path / name

    here = os.uname().nodename
    left(f".table.csv.{here}-{dead.pid}.d"), left(f".table.csv.node-7.b-{os.getpid()}.d", age=2 * 86_400)
    (tmp_path / f".table.csv.{here}-{dead.pid}").touch()  # killed just before its file took its name
    stay = [
        left(f".table.csv.{here}-{os.getppid()}.d"),  # which lives
        left(f".table2.csv.{here}-{dead.pid}.d"),  # of another file
        left(f".table.csv.node-7.b-{dead.pid}.d", age=3_600),  # of another machine: it may live
    ]
    with atomic(tmp_path / "table.csv") as temporary:
        temporary.write_text("new")
    assert sorted(tmp_path.iterdir()) == sorted([*stay, tmp_path / "table.csv"])


def test_what_is_killed_after_its_file_took_its_name_leaves_nothing(tmp_path):
    code = "import os, pathlib, kd.io.atomic as f, kd.io.files as g\n"
    code += "f.sync = lambda path: path.is_dir() and os.kill(os.getpid(), 9)\n"
    code += f"g.write_text(pathlib.Path({str(tmp_path)!r}, 'a.json'), '1')"
    assert subprocess.run([sys.executable, "-c", code], cwd=SCRIPTS).returncode == -9
    assert list(tmp_path.iterdir()) == [tmp_path / "a.json"]


def test_what_a_library_writes_beside_its_file_goes_with_a_killed_writer(tmp_path):
    """safetensors writes a file of a random name, which it renames."""
    code = "import os, numpy, pathlib, kd.io.tensors as t\n"
    code += "t.save_file = lambda arrays, path, facts: (path.with_name('.tmpX').touch(), os.kill(os.getpid(), 9))\n"
    code += (
        f"t.write_tensors(pathlib.Path({str(tmp_path)!r}, 'a.safetensors'), {{'a': numpy.zeros(3)}}, {{}})"
    )
    killed = subprocess.run([sys.executable, "-c", code], cwd=SCRIPTS)
    assert killed.returncode == -9
    assert len(list(tmp_path.rglob(".tmpX"))) == 1
    with atomic(tmp_path / "a.safetensors") as temporary:
        temporary.write_text("new")
    assert list(tmp_path.iterdir()) == [tmp_path / "a.safetensors"]


def test_what_is_renamed_and_its_folder_are_on_the_disk_before_and_after(tmp_path, monkeypatch):
    synced = []
    monkeypatch.setattr(
        "kd.io.atomic.os.fsync", lambda file: synced.append(str(Path(f"/proc/self/fd/{file}").readlink()))
    )
    with atomic(tmp_path / "a.txt") as temporary:
        temporary.write_text("a")
    assert synced == [str(temporary), str(tmp_path)]
    synced.clear()
    with atomic_folder(tmp_path / "b") as folder:
        (folder / "c").touch()
    assert synced == [str(folder / "c"), str(folder), str(tmp_path)]


def test_a_disk_that_knows_no_sync_of_folders_will_do(tmp_path, monkeypatch):
    def fsync(file):
        raise OSError(errno.EINVAL, "Invalid argument")

    monkeypatch.setattr("kd.io.atomic.os.fsync", fsync)
    write_json(tmp_path / "a.json", 1)
    assert read_json(tmp_path / "a.json") == 1
