"""Checkpoints of torch.save: the forms that people have them in, and that nothing of them is run."""

import argparse
import logging
import os
import pathlib
import pickle
from collections import OrderedDict

import numpy as np
import pytest
import torch
from torch import nn
from users_weights import ABOUT, cnn, read

from kd.errors import UserError
from kd.networks.weights import load_weights


@pytest.fixture(autouse=True)
def _one_thread(one_thread):
    pass


def saved(tmp_path, checkpoint, name="mine.pth", **how):
    torch.save(checkpoint, tmp_path / name, **how)
    return tmp_path / name


def trained():
    """The state of an optimizer that has taken a step."""
    network = cnn()
    optimizer = torch.optim.SGD(network.parameters(), 0.1, momentum=0.9)
    network(torch.zeros(2, 1, 8, 8)).sum().backward()
    optimizer.step()
    return optimizer.state_dict()


def forms():
    """What people keep in such files, by a name, and what is left out of it."""
    weights = cnn().to(memory_format=torch.channels_last).state_dict()
    options = argparse.Namespace(lr=0.1, milestones=[150], folder=pathlib.Path("runs"))
    return {
        "plain": (weights, ""),
        "lightning": (
            {"epoch": 3, "state_dict": weights, "optimizer_states": []},
            "epoch, optimizer_states of",
        ),
        "pytorch-cifar": ({"net": weights, "acc": 90.0, "epoch": 3}, "acc, epoch of the file"),
        "RepDistiller": (
            {"opt": options, "model": weights, "optimizer": trained(), "accuracy": torch.tensor(72.0)},
            "opt, optimizer, accuracy of the file",
        ),
        "mdistiller": (
            {"model": wrapped("module.student.", weights), "best_acc": np.float64(73.1)},
            "best_acc of the file, the prefix 'module.student.' of their names",
        ),
        "timm": (
            {"arch": "cnn", "state_dict": weights, "state_dict_ema": weights, "args": options, "version": 2},
            "arch, state_dict_ema, args and 1 more of the file",
        ),
        "torchvision": ({"model": weights, "args": options, "model_ema": {}}, "args, model_ema of the file"),
        "compiled": (wrapped("_orig_mod.module.", weights), "the prefix '_orig_mod.module.' of their names"),
        "averaged": (
            wrapped("module.", weights) | {"n_averaged": torch.tensor(3)},
            "1 counters of tools, the prefix 'module.' of their names",
        ),
        "thop": (
            weights | {"total_ops": torch.zeros(1), "stages.0.total_params": torch.zeros(1)},
            "2 counters of",
        ),
        "own key": ({"generator": weights, "epoch": 3}, "epoch of the file"),
        "parameters": (
            {
                name: nn.Parameter(value) if value.is_floating_point() else value
                for name, value in weights.items()
            },
            "",
        ),
        "nested": ({"state_dict": {"model": weights}}, ""),
        "old": (
            OrderedDict((name, value) for name, value in weights.items() if "num_batches" not in name),
            "",
        ),
    }


def wrapped(prefix, weights):
    return {prefix + name: tensor for name, tensor in weights.items()}


@pytest.mark.parametrize("legacy", [False, True], ids=["zip", "legacy"])
@pytest.mark.parametrize("name", forms())
def test_a_checkpoint_is_taken_in_one_step(name, legacy, tmp_path, caplog):
    caplog.set_level(logging.INFO, "kd")
    checkpoint, left_out = forms()[name]
    path = saved(tmp_path, checkpoint, _use_new_zipfile_serialization=not legacy)
    network = cnn(seed=9)
    load_weights(network, read(path), path, ABOUT, 8)
    for key, value in cnn().state_dict().items():
        assert torch.equal(network.state_dict()[key], value), key
    (line,) = caplog.messages
    assert line.startswith(f"{path}: {12 if name == 'old' else 14} tensors taken by name")
    assert ("left out: " + left_out in line) if left_out else ("left out" not in line)
    assert ("2 counters num_batches_tracked, which no output needs" in line) == (name == "old")


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16, torch.float64])
def test_other_precisions_are_taken_as_float32(kind, tmp_path):
    path, network = saved(tmp_path, cnn().to(kind).state_dict(), "mine.pth.tar"), cnn(seed=9)
    load_weights(network, read(path), path, ABOUT, 8)
    assert network.classifier.weight.dtype == torch.float32
    assert torch.equal(network.classifier.weight, cnn().classifier.weight.to(kind).float())


class Harmful:
    """Makes a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


class Command(Harmful):
    def __reduce__(self):
        return os.system, (f"touch {self.path}",)


REFUSED = {
    "code": (
        lambda path: {"model": {}, "x": Harmful(path)},
        r"holds objects of Python \((_io\.|io\.)?open\), which",
    ),
    "command": (
        lambda path: {"model": {}, "x": Command(path)},
        r"holds objects of Python \(posix\.system\), which",
    ),
    "whole network": (
        lambda path: cnn(),
        r"holds objects of Python \(kd\.[\w.]+StagedNet\), which are not read",
    ),
    "optimizer": (lambda path: trained(), "holds the state of an optimizer, and no weights$"),
    "optimizer in it": (
        lambda path: {"optimizer": trained(), "epoch": 1},
        "holds the state of an optimizer, and no",
    ),
    "empty": (lambda path: {}, "holds no weights, but an empty dictionary$"),
    "empty weights": (lambda path: {"model": {}, "epoch": 3}, "holds no weights, but an empty dictionary$"),
    "numbers": (lambda path: {"acc": 90.0, "epoch": 3}, "holds no weights, but acc, epoch$"),
    "a list": (
        lambda path: [cnn().state_dict()],
        "holds no dictionary of tensors, but a value of type list$",
    ),
    "a tensor": (lambda path: torch.zeros(3), "holds no dictionary of tensors, but a tensor$"),
    "two networks": (
        lambda path: {"teacher": cnn().state_dict(), "generator": cnn().state_dict()},
        "holds several sets of weights, teacher, generator; save the one that you want",
    ),
}


@pytest.mark.parametrize(("make", "says"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_taken_is_one_line_and_nothing_is_run(make, says, tmp_path):
    path = saved(tmp_path, make(tmp_path / "touched"))
    with pytest.raises(UserError, match=rf"mine\.pth: {says}") as caught:
        read(path)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "touched").exists()


def test_nothing_is_run_where_the_environment_asks_for_it(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "1")
    path = saved(tmp_path, {"model": {}, "x": Harmful(tmp_path / "touched")})
    with pytest.raises(UserError, match="holds objects of Python"):
        read(path)
    assert not (tmp_path / "touched").exists()


def test_a_file_that_is_cut_short(tmp_path):
    for legacy in (False, True):
        path = saved(tmp_path, cnn().state_dict(), _use_new_zipfile_serialization=not legacy)
        whole = path.read_bytes()
        for size in (len(whole) - 1, len(whole) // 2, 100, 5):
            path.write_bytes(whole[:size])
            if not legacy:
                with pytest.raises(
                    UserError, match=r"holds no weights: it is a checkpoint that is cut short; dow"
                ):
                    read(path)
                continue
            with pytest.raises(
                UserError, match=r"mine\.pth: not a whole checkpoint of PyTorch \(.+\)$"
            ) as caught:
                read(path)
            assert "\n" not in str(caught.value)


@pytest.mark.parametrize("protocol", [0, 4])
def test_a_pickle_that_torch_did_not_write(protocol, tmp_path):
    (tmp_path / "mine.pth").write_bytes(pickle.dumps({"a": [1, 2]}, protocol))
    with pytest.raises(UserError, match=r"mine\.pth: not a whole checkpoint of PyTorch \(.+\)$"):
        read(tmp_path / "mine.pth")


@pytest.mark.filterwarnings("ignore:.*torch.jit.script. is deprecated")
def test_a_program_of_torchscript(tmp_path):
    torch.jit.script(nn.Linear(2, 2)).save(tmp_path / "mine.pt")
    with pytest.raises(
        UserError, match=r"mine\.pt: is a TorchScript program, of which the weights are not read"
    ):
        read(tmp_path / "mine.pt")


CLASSES = {
    "list": {"classes": ["b", "a"]},
    "numbers": {"class_to_idx": {"a": 1, "b": 0}},
    "names": {"idx_to_class": {1: "a", 0: "b"}},
    "text": {"id2label": {"0": "b", "1": "a"}},
}


@pytest.mark.parametrize("name", CLASSES)
def test_names_of_classes_in_the_file(name, tmp_path):
    path = saved(tmp_path, {"state_dict": cnn().state_dict()} | CLASSES[name])
    assert read(path).classes == ["b", "a"]


@pytest.mark.parametrize(
    "odd", [{"classes": 10}, {"classes": []}, {"id2label": {"3": "a"}}, {"classes": [1, 2]}]
)
def test_what_names_no_classes(odd, tmp_path):
    assert read(saved(tmp_path, {"state_dict": cnn().state_dict()} | odd)).classes is None


def test_a_dictionary_inside_itself_ends(tmp_path):
    checkpoint = {"epoch": 1}
    checkpoint["model"] = checkpoint
    with pytest.raises(UserError, match="holds no weights"):
        read(saved(tmp_path, checkpoint))
