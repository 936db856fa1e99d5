"""What is said of files that are not whole, and of those that cannot be read."""

import errno
import json
from pathlib import Path

import numpy as np
import pytest
import torch

import train
from kd.data.augmentation import Augmentation
from kd.data.dataset import read_dataset
from kd.data.rows import Rows
from kd.datasets.cifar10 import load as load_cifar
from kd.datasets.open_images.pack import read_packed
from kd.datasets.open_images.rows import read_rows
from kd.errors import UserError
from kd.io.arrays import read_logits
from kd.io.files import check_sum, digest, existing_folder, read_json, write_json
from kd.io.tensors import read_tensors, write_tensors
from kd.networks.checkpoint import load_network
from kd.networks.imported.files import read_weights
from kd.plots.curves.history import read_epochs
from kd.results.table_csv import read_table
from kd.runtime.signals import StopSignal
from kd.teachers.chunks import positions_in, read_chunk
from kd.teachers.logits import read_user_logits
from kd.teachers.targets import open_targets
from kd.training.checkpoints import Checkpoints

SCRIPTS = Path(train.__file__).parent


def test_json_has_sorted_keys_and_no_nan(tmp_path):
    write_json(tmp_path / "a.json", {"b": 1, "a": "·"})
    assert list(json.loads((tmp_path / "a.json").read_text())) == ["a", "b"]
    with pytest.raises(ValueError, match="nan"):
        write_json(tmp_path / "b.json", {"a": float("nan")})
    assert not (tmp_path / "b.json").exists()


@pytest.mark.parametrize(
    ("place", "reason"),
    [
        ("nowhere", "nowhere: this link leads to /not/mounted, where there is nothing; mount or make it, or"),
        ("nowhere/below/it", "nowhere: this link leads to /not/mounted"),
        ("loop/below", "loop: this link leads to loop, where there is nothing"),
        ("file", "file: a folder is needed here, and this is none; move it away"),
        ("file/below", "file: a folder is needed here"),
    ],
)
def test_what_is_in_the_way_of_a_folder_is_named(tmp_path, place, reason):
    (tmp_path / "nowhere").symlink_to("/not/mounted")
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "file").touch()
    with pytest.raises(UserError) as error:
        existing_folder(tmp_path / place)
    assert str(error.value).startswith(f"{tmp_path}/{reason}")


def test_a_folder_that_is_to_be_made_is_made_in_the_nearest_one_or_behind_a_link(tmp_path):
    (tmp_path / "disk").mkdir()
    (tmp_path / "link").symlink_to("disk")
    assert existing_folder(tmp_path / "a" / "b") == tmp_path
    assert existing_folder(tmp_path / "link" / "b") == tmp_path / "link"


UNREADABLE = {
    "JSON": read_json,
    "history": read_epochs,
    "tensors": read_tensors,
    "data set": read_dataset,
    "packed images": lambda path: read_packed(path.parent),
    "network": lambda path: load_network(path, torch.device("cpu")),
    "weights": lambda path: read_weights(path, "0" * 64, {}),
    "logits": lambda path: read_logits(path, 1, 1),
    "user's logits": lambda path: read_user_logits(path, "0" * 64, None),
    "note of targets": lambda path: open_targets(path, Rows(Augmentation(), 0, 1), 1, torch.device("cpu")),
    "chunk of targets": lambda path: read_chunk(path, ""),
    "positions of targets": lambda path: positions_in(path, ""),
    "table": read_table,
    "CSV": lambda path: list(read_rows(path, ("a",))),
    "download": lambda path: check_sum(path, "0" * 64),
    "archive": lambda path: load_cifar(path.parent),
    "input of a state": lambda path: digest("", path),
}


@pytest.mark.parametrize("kind", UNREADABLE)
def test_what_cannot_be_read_is_never_called_damaged(tmp_path, kind):
    """A link to itself, which root cannot read either, stands for EACCES, EIO, ESTALE and EMFILE."""
    names = {"packed images": "images.safetensors", "archive": "cifar-10-binary.tar.gz"}
    path = tmp_path / names.get(kind, "file")
    path.symlink_to(path)
    with pytest.raises(UserError) as error:
        UNREADABLE[kind](path)
    reason = "Too many levels of symbolic links"
    assert str(error.value) == f"{path}: cannot be read: {reason}; mend that and run again"


def test_a_checkpoint_that_cannot_be_read_does_not_start_again(tmp_path):
    checkpoints = Checkpoints(tmp_path, 1, StopSignal())
    assert checkpoints.load() is None
    (tmp_path / "checkpoint.safetensors").symlink_to("checkpoint.safetensors")
    with pytest.raises(UserError, match=r"checkpoint\.safetensors: cannot be read: Too many levels"):
        checkpoints.load()


def test_of_too_many_open_files_a_library_says_that_the_file_is_missing(tmp_path, monkeypatch):
    write_tensors(tmp_path / "model.safetensors", {"a": np.zeros(3)}, {})

    def busy(*_, **__):
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr("builtins.open", busy)
    with pytest.raises(
        UserError, match=r"model\.safetensors: cannot be read: Too many open files; mend that"
    ):
        load_network(tmp_path / "model.safetensors", torch.device("cpu"))


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
        read_epochs(tmp_path / "history.csv")


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
