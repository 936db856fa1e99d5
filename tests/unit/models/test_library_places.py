"""Where methods reach into networks of libraries: entered after a stage, and given another end."""

from copy import deepcopy
from itertools import pairwise, product

import pytest
import torch
from library_networks import build, images
from tiers import sample
from token_networks import CLASSES, SIDE, tiny
from torch import nn
from torch.nn import functional

from kd.errors import UserError
from kd.methods.norm import FeatureTransform, merged
from kd.models.libraries.wrapper import LibraryNetwork

pytestmark = pytest.mark.usefixtures("one_thread")
SMALL = "torchvision/shufflenet_v2_x0_5"
IN_TORCHVISION = ("resnet18", "regnet_y_400mf", "vgg11_bn", "mobilenet_v2", "mobilenet_v3_small")
IN_TORCHVISION += ("densenet121", "googlenet", "efficientnet_b0", "convnext_tiny", "squeezenet1_1", "swin_t")
IN_TIMM = ("resnet18", "resnetv2_50", "regnetx_002", "mobilenetv3_small_050", "densenet121", "cait_xxs24_224")
NAMES = [SMALL, *(f"torchvision/{name}" for name in IN_TORCHVISION), *(f"timm/{name}" for name in IN_TIMM)]


def made(name, seed=0):
    """A network of its library, or a tiny one of tokens; with statistics that are not those it begins with."""
    if name == "plain":
        return of(name)
    if "/" not in name:
        network = tiny(name, seed).eval()
        nn.init.normal_(network.network.get_submodule(network._last).weight)  # some begin as zeros
        return network
    if name.startswith("timm"):
        pytest.importorskip("timm", reason="timm is optional: envs/requirements-timm.txt")
    network = build(name).train()
    for norm in (module for module in network.modules() if isinstance(module, nn.BatchNorm2d)):
        norm.momentum = 1.0
    with torch.no_grad():
        network(shown(network, 4))
    return network.eval()


def shown(network, count=2, seed=1):
    size = network.resizes_to or 64
    return torch.randn(count, 3, size, size, generator=torch.Generator().manual_seed(seed))


class Made(nn.Module):
    """Three convolutions, each at half the resolution, of random weights; `way` says what else happens."""

    def __init__(self, way):
        super().__init__()
        torch.manual_seed(0)
        sizes = (3, 4, 5, 6)
        self.one, self.two, self.three = (nn.Conv2d(ins, outs, 3, 2, 1) for ins, outs in pairwise(sizes))
        self.norm, self.last, self.way = nn.BatchNorm1d(6), nn.Linear(6, CLASSES), way
        self.again = nn.Conv2d(4, 4, 1)

    def forward(self, x):
        first = self.one(x)
        if self.way == "decides" and len(first) > 1000:
            first = -first
        second = self.two(self.again(first) if self.way == "shares" else first)
        if self.way == "doubles":
            second.mul_(2)
        third = self.three(second)
        if self.way == "skips":
            third = third + functional.max_pool2d(first, 4).mean(1, keepdim=True)
        if self.way == "shares":
            third = third + self.again(third[:, :4]).mean(1, keepdim=True)
        means = (third.relu() if self.way == "cuts off" else third).mean(dim=(2, 3))
        means = functional.dropout(means, 0.5, self.training) if self.way == "drops" else means
        return self.last(self.norm(means) if self.way == "norms" else means)


def of(way):
    return LibraryNetwork("made", Made(way), (3, SIDE, SIDE), CLASSES, None, "own", None).eval()


# --- Entered.


@pytest.mark.parametrize("name", sample([*NAMES, "plain", "swin", "mixer"], ("plain", "swin")))
def test_entered_after_a_stage_it_ends_as_it_does_by_itself(name):
    network = made(name)
    with torch.no_grad():
        stages, logits = network.forward_stages(shown(network))
        for number, maps in enumerate(stages[:-1]):
            network.forward_stages(shown(network, 3, seed=2))  # nothing of another run is left
            before = maps.clone()
            later, same = network.forward_after(number, maps)
            torch.testing.assert_close(same, logits)
            assert len(later) == len(stages) - number - 1
            for one, other in zip(later, stages[number + 1 :], strict=True):
                torch.testing.assert_close(one, other)
            assert torch.equal(maps, before)
            other, _ = network.forward_after(number, 1 - 5 * maps)
            assert (other[0] - later[0]).abs().max() > 0.1 * later[0].abs().max()
    assert network.why_not_entered(range(len(stages) - 1)) is None


@pytest.mark.full
def test_layer_by_layer():
    """The blocks of a ResNet one after the other, and gradients back to where it was entered."""
    network = build("torchvision/resnet18", stem="cifar").eval()
    maps = torch.randn(2, 128, 4, 4, requires_grad=True)
    inside = network.network
    expected = inside.fc(inside.layer4(inside.layer3(maps)).mean(dim=(2, 3)))
    later, logits = network.forward_after(1, maps)
    torch.testing.assert_close(logits, expected)
    assert [stage.shape[1:] for stage in later] == [(256, 2, 2), (512, 1, 1)]
    ours, theirs = (torch.autograd.grad(result.square().sum(), maps)[0] for result in (logits, expected))
    torch.testing.assert_close(ours, theirs)


def test_its_weights_are_the_networks_own_and_its_copy_has_others():
    network = of("plain")
    maps = torch.randn(2, 4, 8, 8)
    _, before = network.forward_after(0, maps)
    copy = deepcopy(network)
    with torch.no_grad():
        network.network.last.weight.zero_()
    _, after = network.forward_after(0, maps)
    assert torch.equal(after, network.network.last.bias.expand(2, -1))
    assert torch.equal(copy.forward_after(0, maps)[1], before)
    assert not any("_entries" in name for name in network.state_dict())


def test_it_is_entered_in_the_mode_that_it_is_in():
    network, maps = of("drops"), torch.randn(2, 4, 8, 8)
    one, other = (network.forward_after(0, maps)[1] for _ in range(2))
    assert torch.equal(one, other)
    network.train()
    one, other = (network.forward_after(0, maps)[1] for _ in range(2))
    assert not torch.equal(one, other)


@pytest.mark.parametrize(
    ("way", "reason"),
    [
        ("skips", "which read more than the maps of one stage"),
        ("decides", "whose code cannot be followed"),
        ("doubles", "which compute something else by themselves"),
    ],
)
def test_why_not(way, reason):
    network = of(way).train()
    assert network.why_not_entered([0, 1]) == reason
    assert network.training
    fine = {"skips": 0, "doubles": 1}
    if way in fine:
        assert network.why_not_entered([fine[way]]) is None


def test_a_class_token_cannot_be_entered():
    assert tiny("vit").why_not_entered([0]) == "which take class tokens too, and maps have none"
    assert tiny("swin").why_not_entered([0]) is None


# --- Another end.


def weights(network):
    return {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}


GONE = {
    "plain": ("last.",),
    SMALL: ("fc.",),
    "torchvision/vgg11_bn": ("classifier.",),
    "torchvision/mobilenet_v3_small": ("classifier.",),
    "torchvision/convnext_tiny": ("classifier.",),
    "torchvision/squeezenet1_1": ("classifier.1",),
    "timm/resnetv2_50": ("head.",),
    "timm/cait_xxs24_224": ("head.",),
    "swin": ("head.",),
    "vit": ("heads.",),
    "deit": ("head.", "head_dist."),
    "mixer": ("head.",),
}


@pytest.mark.parametrize("name", sample(GONE, ("plain", "vit", "swin")))
def test_a_stage_and_a_new_classifier_in_the_place_of_what_was_behind_the_last_maps(name):
    network = made(name)
    plain, picture = deepcopy(network), shown(network)
    with torch.no_grad():
        maps, _ = plain.forward_stages(picture)
        stage = nn.Conv2d(maps[-1].shape[1], 9, 1)
        network.append_stage(stage, channels=9)
        stages, logits, named = network.eval().forward_named(picture)
        new = network.classifier
        assert (new.in_features, new.out_features) == (9, CLASSES)
        torch.testing.assert_close(logits, new(stage(maps[-1]).mean(dim=(2, 3))))
        torch.testing.assert_close(network(picture), logits)
    assert len(stages) == len(network.stages) == len(maps) + 1
    assert network.stages[-1] is stage
    for one, other in zip(stages, [*maps, stage(maps[-1])], strict=True):
        torch.testing.assert_close(one, other)
    gone = weights(plain).keys() - weights(network).keys()
    assert gone == {
        key for key in weights(plain) if key.startswith(tuple(f"network.{one}" for one in GONE[name]))
    }
    assert weights(network).keys() - weights(plain).keys() == {
        f"head.{layer}.{part}" for layer in ("stage", "classifier") for part in ("weight", "bias")
    }
    assert network.classifies_maps
    if named:
        assert len(named["tokens"]) == len(stages)
        assert set(named) == {"tokens", "heads"}
        assert named["heads"] == {}


@pytest.mark.parametrize(
    "name", sample(["plain", SMALL, "torchvision/mobilenet_v2", "swin", "mixer"], ("plain", "swin"))
)
def test_a_stage_ahead_of_the_networks_own_classifier_and_the_network_without_it(name):
    network = made(name)
    plain, picture = deepcopy(network).double(), shown(network).double()
    maps, expected = plain.forward_stages(picture)
    channels = maps[-1].shape[1]
    transform = FeatureTransform(channels, 2 * channels)
    own = network.classifier
    network.append_stage(transform)
    assert network.classifier is own
    network.double().eval()
    stages, logits = network.forward_stages(picture)
    last = maps[-1]
    by_hand = own((last + transform.contract(transform.expand(last))).mean(dim=(2, 3)))
    torch.testing.assert_close(logits, by_hand)
    assert len(stages) == len(maps) + 1
    without = network.without_last_stage(own)
    torch.testing.assert_close(without(picture), expected)
    deployed = network.without_last_stage(merged(own, transform))
    assert weights(deployed) == weights(plain)
    same, of_deployed, named = deployed.forward_named(picture)
    torch.testing.assert_close(of_deployed, logits, rtol=1e-10, atol=1e-10)
    assert all(map(torch.equal, same, maps))
    assert ("read" in named) == (name == "mixer")
    assert len(network.forward_stages(picture)[0]) == len(stages)  # it is as it was


@pytest.mark.full
def test_its_dropout_stays():
    network = build("torchvision/mobilenet_v2", stem="cifar")
    network.append_stage(nn.Identity())
    assert [layer.p for layer in network.head.dropout] == [0.2]
    network.train()
    torch.manual_seed(0)
    picture = images(2)
    with torch.no_grad():
        maps, logits = network.forward_stages(picture)
        zeros = network.head.dropout(torch.ones(2, 1280)) == 0
    assert 0.1 < zeros.float().mean() < 0.3
    assert not torch.allclose(logits, network.classifier(maps[-1].mean(dim=(2, 3))))


@pytest.mark.parametrize(
    ("name", "zero"),
    sample(
        product(("cuts off", "norms", "torchvision/mobilenet_v3_small"), (False, True)),
        [("cuts off", True), ("norms", False)],
    ),
)
def test_a_classifier_that_does_not_read_the_means_of_the_last_maps(name, zero):
    """Neither a first weight of zeros nor a norm that as yet changes nothing hides that."""
    network = made(name) if "/" in name else of(name)
    if zero:
        nn.init.zeros_(network.network.get_submodule(network._last).weight)
    before = weights(network)
    with pytest.raises(UserError, match="one linear layer on the means of its last maps, of which this"):
        network.append_stage(nn.Identity())
    assert weights(network) == before


def test_layers_that_run_before_too_stay():
    network = of("shares")
    plain, picture = deepcopy(network), torch.randn(2, 3, SIDE, SIDE)
    network.append_stage(nn.Identity(), channels=6)
    maps, _ = plain.forward_stages(picture)
    _, logits = network.forward_stages(picture)
    torch.testing.assert_close(logits, network.classifier(maps[-1].mean(dim=(2, 3))))
    assert weights(plain).keys() - weights(network).keys() == {"network.last.weight", "network.last.bias"}


def test_entered_with_another_end():
    network = of("plain")
    stage = nn.Conv2d(6, 8, 1)
    network.append_stage(stage, channels=8)
    stages, logits = network.forward_stages(torch.randn(2, 3, SIDE, SIDE))
    for number, maps in enumerate(stages[:-1]):
        later, same = network.forward_after(number, maps)
        torch.testing.assert_close(same, logits)
        assert len(later) == len(stages) - number - 1
