"""A file is whole or absent."""

import json
import os
import subprocess

import pytest

from kd.errors import UserError
from kd.io.files import atomic, check_sum, read_json, write_json
from kd.io.tables import read_history


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


def test_json_has_sorted_keys_and_no_nan(tmp_path):
    write_json(tmp_path / "a.json", {"b": 1, "a": "·"})
    assert list(json.loads((tmp_path / "a.json").read_text())) == ["a", "b"]
    with pytest.raises(ValueError, match="nan"):
        write_json(tmp_path / "b.json", {"a": float("nan")})
    assert not (tmp_path / "b.json").exists()


def test_what_a_killed_writer_left_is_removed_by_the_next(tmp_path):
    dead = subprocess.Popen(["true"])
    dead.wait()
    (tmp_path / f".table.{dead.pid}.csv").touch()
    living, others = tmp_path / f".table.{os.getppid()}.csv", tmp_path / f".table2.{dead.pid}.csv"
    living.touch(), others.touch()
    with atomic(tmp_path / "table.csv") as temporary:
        temporary.write_text("new")
    assert sorted(tmp_path.iterdir()) == sorted([living, others, tmp_path / "table.csv"])


@pytest.mark.parametrize("content", [b"", b'{"a": 1', b"\xff\xfe", b"[" * 200_000])
def test_json_that_is_not_whole_is_named(tmp_path, content):
    path = tmp_path / "metrics.json"
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"metrics\.json: not whole .* delete it to have it made again"):
        read_json(path)
    write_json(path, {"a": [1, None, "ü"]})
    assert read_json(path) == {"a": [1, None, "ü"]}


@pytest.mark.parametrize("content", ["", "epoch\n1\n"])
def test_a_history_that_is_not_whole_is_named(tmp_path, content):
    (tmp_path / "history.csv").write_text(content)
    with pytest.raises(UserError, match=r"history\.csv: not whole"):
        read_history(tmp_path / "history.csv")


def test_a_download_that_is_not_what_it_was_is_named(tmp_path):
    path = tmp_path / "archive.tar.gz"
    path.write_bytes(b"abc")
    # SHA-256 of "abc", from FIPS 180-2, appendix B.1
    sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    check_sum(path, sha256)
    for content in (b"abd", b"", b"ab"):
        path.write_bytes(content)
        with pytest.raises(
            UserError, match=rf"archive\.tar\.gz: the checksum is wrong: SHA-256 {sha256} expec"
        ):
            check_sum(path, sha256)
    path.unlink()
    with pytest.raises(UserError, match=r"archive\.tar\.gz: cannot be read"):
        check_sum(path, sha256)
