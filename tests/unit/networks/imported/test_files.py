"""Files of weights: what is read of them, and one line for what is none."""

import re

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from users_weights import ABOUT, OPTIONS, cnn, read

from kd.errors import UserError
from kd.io.tensors import write_tensors
from kd.networks.checkpoint import save_ensemble, save_network
from kd.networks.factory import build_network
from kd.networks.imported.files import read_weights
from kd.plan.user_files import content


@pytest.fixture(autouse=True)
def _one_thread(one_thread):
    pass


@pytest.mark.parametrize(
    "facts", [3, [], None, {"architecture": "cnn"}, {"architecture": "cnn", "options": 1}]
)
def test_facts_of_another_form(tmp_path, facts):
    path = tmp_path / "ours.safetensors"
    write_tensors(path, {"a": np.zeros(1)}, facts)
    with pytest.raises(UserError, match=r"ours\.safetensors: does not say which"):
        read(path)


def test_facts_that_are_nested_too_deep(tmp_path):
    path, text = tmp_path / "ours.safetensors", "[" * 100_000
    save_file({"a": torch.zeros(1)}, path, {"sealed": text})
    with pytest.raises(UserError, match=r"ours\.safetensors: not a whole safetensors file"):
        read(path)


def test_a_safetensors_file_that_is_not_whole(tmp_path):
    path = tmp_path / "mine.safetensors"
    save_file(cnn().state_dict(), path)
    whole, sha256 = path.read_bytes(), content(str(path), "x", tmp_path / "cache")
    for content_ in (whole[:-1], whole[:20], b"\0" * 100):
        path.write_bytes(content_)
        with pytest.raises(UserError, match=r"mine\.safetensors: not a whole safetensors file"):
            read(path)
        with pytest.raises(UserError, match="has changed since the study was read"):
            read_weights(path, sha256, ABOUT)


NO_WEIGHTS = {
    "empty": (b"", "it is an empty file; download or copy it again"),
    "html": (
        b"\n<!DOCTYPE html><html>...",
        "it is a page of HTML or XML, as a download leaves that was refused",
    ),
    "xml": (b"\xef\xbb\xbf<?xml version='1.0'?><Error/>", "it is a page of HTML or XML"),
    "lfs": (b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a", "it is a pointer of Git LFS"),
    "gzip": (b"\x1f\x8b\x08\0", "it is a gzip archive; unpack it"),
    "keras": (b"\x89HDF\r\n", "it is an HDF5 file, as Keras writes; PyTorch's are needed"),
}


@pytest.mark.parametrize(("start", "says"), NO_WEIGHTS.values(), ids=NO_WEIGHTS)
@pytest.mark.parametrize("name", ["mine.pth", "mine.safetensors"])
def test_what_is_no_file_of_weights_is_named(tmp_path, name, start, says):
    (tmp_path / name).write_bytes(start)
    with pytest.raises(UserError, match=re.escape(f"{name}: holds no weights: {says}")) as caught:
        read(tmp_path / name)
    assert "\n" not in str(caught.value)


def test_the_content_says_how_it_is_read_and_not_the_name(tmp_path):
    torch.save(cnn().state_dict(), tmp_path / "mine.safetensors")
    assert read(tmp_path / "mine.safetensors").tensors.keys() == cnn().state_dict().keys()
    save_file(cnn().state_dict(), tmp_path / "mine.bin")
    assert read(tmp_path / "mine.bin").tensors.keys() == cnn().state_dict().keys()


def ours(tmp_path, options=OPTIONS, name="ours.safetensors", **changes):
    network = build_network("cnn", options, 1, 3)
    path = tmp_path / name
    about = {"architecture": "cnn", "options": options, "in_channels": 1, "num_classes": 3}
    save_network(path, network.state_dict(), **about, **changes)
    return path, content(str(path), "x", tmp_path / "cache")


def test_a_file_of_this_workflow_says_what_it_holds(tmp_path):
    path, sha256 = ours(tmp_path)
    read_weights(path, sha256, ABOUT)
    says = r"ours\.safetensors: holds cnn .*'channels': \[4, 8\].*, not cnn .*'channels': \[4, 9\]"
    with pytest.raises(UserError, match=says):
        read_weights(path, sha256, {"architecture": "cnn", "options": OPTIONS | {"channels": [4, 9]}})
    with pytest.raises(UserError, match=r"holds cnn .*, not vgg16"):
        read_weights(path, sha256, {"architecture": "vgg16", "options": {"width": 1.0}})
    path, sha256 = ours(tmp_path, name="changed.safetensors", changes={"simkd": {}})
    with pytest.raises(UserError, match="holds layers that a method added"):
        read_weights(path, sha256, ABOUT)
    save_ensemble(tmp_path / "both.safetensors", [ours(tmp_path)[0]] * 2, [1, 1])
    sha256 = content(str(tmp_path / "both.safetensors"), "x", tmp_path / "cache")
    with pytest.raises(UserError, match="holds several networks; name its members"):
        read_weights(tmp_path / "both.safetensors", sha256, ABOUT)


def test_a_changed_bit_in_a_file_of_this_workflow(tmp_path):
    path, _ = ours(tmp_path)
    damaged = bytearray(path.read_bytes())
    damaged[-2] ^= 1
    path.write_bytes(damaged)
    with pytest.raises(UserError, match="its checksum is wrong"):
        read(path)


def test_an_imported_network_of_another_study_is_named_by_its_own_file(tmp_path):
    """Its mean and deviation belong to the data set of that study."""
    path, sha256 = ours(tmp_path, statistics={"mean": [0.5]})
    with pytest.raises(
        UserError, match="with a mean and deviation of its own; name the file that it is from"
    ):
        read_weights(path, sha256, ABOUT)
