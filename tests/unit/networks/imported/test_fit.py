"""A network among other modules of a file: the only one that fits is taken, and the rest is said."""

import pytest
import torch
from torch import nn
from torchvision import models
from users_weights import ABOUT, OPTIONS, cnn

from kd.errors import UserError
from kd.networks.factory import build_network
from kd.networks.imported.state_dict import Checkpoint
from kd.networks.weights import load_weights


@pytest.fixture(autouse=True)
def _one_thread(one_thread):
    pass


def under(**modules):
    """The tensors of modules by the names that a module which has them gives."""
    holder = nn.Module()
    for name, module in modules.items():
        holder.add_module(name, module)
    return holder.state_dict()


def loaded(weights, caplog, network=None, about=ABOUT, side=8):
    caplog.set_level("INFO", "kd")
    network = network or cnn(seed=9)
    load_weights(network, Checkpoint(weights), "mine.ckpt", about, side)
    (line,) = caplog.messages
    return network, line


def same(network, other):
    return all(torch.equal(value, other.state_dict()[name]) for name, value in network.state_dict().items())


def test_a_network_beside_its_loss_as_lightning_saves_them(caplog):
    criterion = nn.Module()
    criterion.register_buffer("weight", torch.ones(3))
    network, line = loaded(under(model=cnn(), criterion=criterion), caplog)
    assert same(network, cnn())
    assert line == (
        "mine.ckpt: 14 tensors taken by name; left out: the prefix 'model.' of their names, and"
        " criterion.weight without it"
    )


def test_the_student_of_a_distiller_that_has_modules_of_its_own(caplog):
    """As mdistiller saves it from several GPUs; its teacher is another network."""
    torch.manual_seed(5)
    teacher = build_network("cnn", {"channels": [4, 16], "width": 1.0}, 1, 3)
    own = {"conv_reg": nn.Conv2d(8, 16, 1), "n_averaged": nn.Identity()}
    modules = nn.ModuleDict({"student": cnn(), "teacher": teacher, **own})
    network, line = loaded(under(module=modules) | {"n_averaged": torch.tensor(3)}, caplog)
    assert same(network, cnn())
    others = len(teacher.state_dict()) + 2 + 1
    names = list(teacher.state_dict())
    assert line == (
        "mine.ckpt: 14 tensors taken by name; left out: the prefix 'module.student.' of their names, and"
        f" module.teacher.{names[0]}, module.teacher.{names[1]}, module.teacher.{names[2]} and {others - 3} more"
        " without it"
    )
    about = ABOUT | {"options": OPTIONS | {"channels": [4, 16]}}
    caplog.clear()
    network, line = loaded(under(module=modules), caplog, build_network("cnn", about["options"], 1, 3), about)
    assert same(network, teacher)
    assert "the prefix 'module.teacher.' of their names, and module.student." in line


def test_of_two_networks_that_fit_none_is_taken(caplog):
    weights = under(student=cnn(1), teacher=cnn(2), criterion=nn.Linear(2, 2))
    says = r"mine\.ckpt: holds several networks that fit, under 'student\.', 'teacher\.'; save the one that you want$"
    with pytest.raises(UserError, match=says):
        loaded(weights, caplog)


@pytest.mark.parametrize("change", ["shape", "lacks", "besides"])
def test_a_module_that_does_not_fit_is_not_taken(change, caplog):
    """And the message has the names of the file as they are."""
    weights = under(model=cnn(), criterion=nn.Linear(2, 2))
    if change == "shape":
        weights["model.classifier.bias"] = torch.zeros(10)
    elif change == "lacks":
        del weights["model.classifier.bias"]
    else:
        weights["model.more"] = torch.zeros(1)
    with pytest.raises(UserError, match=r"has besides model\.stages\.0.*, .* and \d+ more$"):
        loaded(weights, caplog)


def test_what_lies_beside_the_plain_names_of_a_network_is_no_reason_to_look_further(caplog):
    with pytest.raises(UserError, match=r"has besides criterion\.weight$"):
        loaded(cnn().state_dict() | {"criterion.weight": torch.ones(3)}, caplog)


def test_what_fits_by_its_names_must_be_numbers(caplog):
    weights = under(model=cnn(), criterion=nn.Linear(2, 2))
    weights["model.classifier.bias"][0] = float("nan")
    with pytest.raises(UserError, match=r"it has numbers that are not finite in classifier\.bias$"):
        loaded(weights, caplog)


@pytest.mark.full
def test_a_network_of_a_library_under_its_own_names_and_ours(caplog):
    """Ours have one name more in front, which does not make them another module."""
    torch.manual_seed(1)
    theirs = models.shufflenet_v2_x0_5(num_classes=3)
    about = {"architecture": "torchvision/shufflenet_v2_x0_5", "options": {}}
    network = build_network("torchvision/shufflenet_v2_x0_5", {}, 3, 3)
    network, line = loaded(under(net=theirs, loss=nn.Linear(2, 2)), caplog, network, about)
    assert torch.equal(network.network.fc.weight, theirs.fc.weight)
    assert "the prefix 'net.' of their names, and loss.weight, loss.bias without it" in line
    caplog.clear()
    again = build_network("torchvision/shufflenet_v2_x0_5", {}, 3, 3)
    again, line = loaded(under(net=network, loss=nn.Linear(2, 2)), caplog, again, about)
    assert torch.equal(again.network.fc.weight, theirs.fc.weight)
    assert "the prefix 'net.' of their names, and loss.weight, loss.bias without it" in line


def test_the_form_of_another_collection_beside_a_loss(caplog):
    """RepDistiller's and pytorch-cifar's names of a ResNet-18's first layers are conv1, bn1, layer1.0.conv1."""
    about = {"architecture": "resnet18", "options": {"width": 0.0625}}
    network = build_network("resnet18", about["options"], 3, 3)
    theirs = dict(zip(_names_of_resnet18(), _layers(network.state_dict()), strict=True))
    weights = {f"{layer}.{part}": value for layer, parts in theirs.items() for part, value in parts.items()}
    weights = {f"model.{name}": value for name, value in weights.items()}
    other = build_network("resnet18", about["options"], 3, 3)
    other, line = loaded(weights | {"loss.weight": torch.ones(3)}, caplog, other, about, 32)
    assert same(other, network)
    assert "tensors taken by order, with the names of pytorch-cifar" in line
    assert "the prefix 'model.' of their names, and loss.weight without it" in line


def _layers(state):
    layers = {}
    for name, value in state.items():
        layer, _, part = name.rpartition(".")
        layers.setdefault(layer, {})[part] = value
    return layers.values()


def _names_of_resnet18():
    names = ["conv1", "bn1"]
    for stage in range(1, 5):
        for block in range(2):
            names += [f"layer{stage}.{block}.{layer}" for layer in ("conv1", "bn1", "conv2", "bn2")]
            if stage > 1 and block == 0:
                names += [f"layer{stage}.0.shortcut.{number}" for number in (0, 1)]
    return [*names, "linear"]
