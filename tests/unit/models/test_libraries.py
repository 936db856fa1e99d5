"""Classifiers of torchvision: feature maps, a stem for small images, and any channels."""

from copy import deepcopy
from itertools import pairwise

import pytest
import torch
from library_networks import build, images
from parts import real_batch
from tiers import sample
from torch import nn
from torch.nn import functional
from torchvision import models

from kd import registry
from kd.data.augmentation import Augmentation
from kd.data.views import ViewedImages
from kd.distillation.base import Context
from kd.distillation.combined import build_method
from kd.errors import UserError
from kd.evaluation.inference import largest_batch
from kd.networks.checkpoint import load_network, save_network
from kd.networks.factory import build_network
from kd.networks.limits import check_image, check_memory

CPU = torch.device("cpu")
SMALL = "torchvision/shufflenet_v2_x0_5"


@pytest.fixture(autouse=True)
def _one_thread(one_thread):
    pass


def ready(network, batch):
    """With the running statistics of `batch`: else a deep network's logits hardly depend on its images."""
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = 1.0
    with torch.no_grad():
        network.train()(batch)
    return network.eval()


# --- Stages, by hand: channels of the papers' tables; (channels, side) for 64 pixels, or 32 with stem cifar.
STAGES = {
    ("resnet18", "own"): [(64, 32), (64, 16), (128, 8), (256, 4), (512, 2)],
    ("resnet18", "cifar"): [(64, 32), (128, 16), (256, 8), (512, 4)],
    ("densenet121", "cifar"): [(256, 32), (512, 16), (1024, 8), (1024, 4)],
    ("shufflenet_v2_x0_5", "cifar"): [(24, 32), (48, 16), (96, 8), (1024, 4)],
    ("mobilenet_v3_small", "cifar"): [(16, 32), (16, 16), (24, 8), (48, 4), (576, 2)],
    ("vgg11", "own"): [(64, 64), (128, 32), (256, 16), (512, 8), (512, 4), (512, 2)],
    ("squeezenet1_1", "own"): [(64, 31), (128, 15), (256, 7), (512, 3)],  # poolings cut borders off
    ("swin_t", "own"): [(96, 16), (192, 8), (384, 4), (768, 2)],  # channels last inside
}


@pytest.mark.parametrize(
    ("name", "stem"),
    sample(STAGES, [("resnet18", "own"), ("resnet18", "cifar"), ("mobilenet_v3_small", "cifar")]),
)
def test_stages(name, stem):
    with torch.device("meta"):
        network = build(f"torchvision/{name}", stem=stem).eval()
        maps, logits = network.forward_stages(torch.zeros(2, 3, *[64 if stem == "own" else 32] * 2))
    assert [(features.shape[1], features.shape[2]) for features in maps] == STAGES[name, stem]
    assert all(features.shape[2] == features.shape[3] for features in maps)
    assert logits.shape == (2, 7)
    assert len(network.stages) == len(maps)


def test_stages_lead_to_the_logits_and_stay_as_they_are():
    network = ready(build(SMALL, stem="cifar"), images(8))
    maps, logits = network.forward_stages(images())
    assert torch.equal(logits, network(images()))
    assert torch.equal(logits, network.classifier(maps[-1].mean(dim=(2, 3))))
    for before, stage, after in zip(maps, network.stages[1:-1], maps[1:], strict=False):
        assert torch.equal(stage(before), after)  # fails where a later layer overwrote a map
    gradients = torch.autograd.grad(logits.sum(), maps)
    assert all(gradient.count_nonzero() for gradient in gradients)


def test_a_copy_hears_itself():
    network = ready(build(SMALL, stem="cifar"), images(8))
    before, _ = network.forward_stages(images())
    copy = deepcopy(network)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.zero_()
    assert all(map(torch.equal, copy.forward_stages(images())[0], before))
    assert not network.forward_stages(images())[0][-1].any()


def test_no_map_outlives_its_use():
    network = build(SMALL, stem="cifar")
    network.forward_stages(images())
    network(images())
    held = [value for value in vars(network).values() if isinstance(value, dict | list)]
    assert not any(isinstance(item, torch.Tensor) for value in held for item in value)
    assert network._heard is None


@pytest.mark.full
def test_compiled_it_gives_the_same():
    network = build("torchvision/squeezenet1_1", input_size=40).eval()

    class WithStages(nn.Module):
        def __init__(self):
            super().__init__()
            self.network = network

        def forward(self, x):
            return self.network.forward_stages(x)

    with torch.no_grad():
        compiled = torch.compile(WithStages(), backend="aot_eager", fullgraph=True)
        for _ in range(2):
            maps, logits = compiled(images())
            expected, same = network.forward_stages(images())
            torch.testing.assert_close(logits, same)
            for features, right in zip(maps, expected, strict=True):
                torch.testing.assert_close(features, right)


# --- The stem, and the channels and size of images.


def test_resnet18_with_the_small_stem_is_the_networks_own_cifar_form():
    """The same weights, in order, in the network of models/resnet.py give the same logits."""
    borrowed, ours = build("torchvision/resnet18", classes=10, stem="cifar"), build("resnet18", classes=10)
    assert sum(parameter.numel() for parameter in borrowed.parameters()) == 11_173_962
    ready(borrowed, images(8))
    ours.load_state_dict(dict(zip(ours.state_dict(), borrowed.state_dict().values(), strict=True)))
    torch.testing.assert_close(ours.eval()(images()), borrowed(images()))


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("vgg11", "keeps the resolution"),
        ("vit_b_32", "cuts the image into patches"),
        ("convnext_tiny", "cuts the image into patches"),
    ],
)
def test_a_small_stem_where_it_means_nothing(name, reason):
    says = (
        rf"^torchvision/{name}: stem: 'cifar' is for .* strided convolution, and this one {reason}; allowed"
    )
    with torch.device("meta"), pytest.raises(UserError, match=says):
        build(f"torchvision/{name}", stem="cifar")


def test_a_size_that_a_network_cannot_have():
    with (
        torch.device("meta"),
        pytest.raises(UserError, match=r"^torchvision/vit_b_32: cannot be made with"),
    ):
        build("torchvision/vit_b_32", input_size=33)


def test_images_are_resized_to_the_input_size():
    network = build(SMALL, input_size=40).eval()
    expected = functional.interpolate(images(), (40, 40), mode="bilinear", antialias=True)
    assert torch.equal(network(images()), network.network(expected))
    exact = images(size=40)
    assert torch.equal(network(exact), network.network(exact))
    assert not torch.equal(network(images()), network.network(images()))


@pytest.mark.parametrize(
    ("options", "size"),
    [({}, None), ({"pretrained": True}, 224), ({"pretrained": True, "input_size": 64}, 64)],
)
def test_which_size_images_are_resized_to(options, size):
    with torch.device("meta"):
        assert build("torchvision/resnet18", **options).resizes_to == size


def test_batches_are_as_large_as_resized_images_allow():
    """2**18 pixels on a CPU: 256 images of 32x32, but of 224x224 five, 5.2 being too many."""
    viewed = ViewedImages(
        torch.zeros(2, 32, 32, 3, dtype=torch.uint8), Augmentation(0, False), (0, 0, 0), (1, 1, 1)
    )
    with torch.device("meta"):
        assert largest_batch(build("torchvision/resnet18"), viewed, CPU) == 256
        assert largest_batch(build("torchvision/resnet18", input_size=224), viewed, CPU) == 5


def test_a_grey_image_gives_what_its_colour_copy_gives():
    torch.manual_seed(0)
    colour = models.shufflenet_v2_x0_5(num_classes=7)
    grey = build(SMALL, in_channels=1)
    grey.network.load_state_dict(
        {
            name: own.sum(1, keepdim=True) if name == "conv1.0.weight" else own
            for name, own in colour.state_dict().items()
        }
    )
    picture = images(channels=1)
    logits, expected = grey.eval()(picture), colour.eval()(picture.expand(-1, 3, -1, -1))
    torch.testing.assert_close(logits, expected)
    # And so it is drawn: the same seed gives the sum of what three channels would have had.
    torch.manual_seed(0)
    drawn = build_network(SMALL, {}, 3, 7).network.conv1[0].weight
    torch.testing.assert_close(
        build(SMALL, in_channels=1).network.conv1[0].weight, drawn.sum(1, keepdim=True)
    )


def test_four_channels_keep_the_sum_of_the_weights():
    """Red, green, blue, red, each times 3/4."""
    colour, four = (build(SMALL, in_channels=channels).network.conv1[0].weight for channels in (3, 4))
    torch.testing.assert_close(four, colour[:, [0, 1, 2, 0]] * 0.75)


def test_images_that_are_too_small():
    name = "torchvision/squeezenet1_1"
    network = build(name)
    with pytest.raises(UserError, match=rf"^{name} cannot take images of 8x8 pixels \(.*input_size"):
        check_image(network, name, (3, 8, 8), CPU)
    assert network.training
    check_image(build(name, input_size=32), name, (3, 8, 8), CPU)


def test_a_network_that_needs_numbers_to_be_built_is_not_refused_for_its_size():
    check_memory(lambda: build("torchvision/regnet_x_400mf"), CPU)


# --- What methods ask of a network.


@pytest.mark.parametrize("method", sample(("at", "ofd", "srrl", "reviewkd", "simkd"), ("ofd", "simkd")))
def test_a_teacher_for_methods_that_look_into_it(method):
    teacher = ready(build(SMALL, stem="cifar"), images(8)).requires_grad_(False)
    network, batch, labels = build("cnn", width=0.125).train(), images(4), torch.tensor([0, 1, 2, 3])
    made = build_method(method, {})
    made.prepare(Context(network, teacher, (3, 32, 32), 7, labels, 1))
    terms = made.train().losses(real_batch(network, teacher, batch, labels))
    loss = sum(terms.values())
    loss.backward()
    assert loss.isfinite()
    assert any(
        parameter.grad is not None and parameter.grad.any() for parameter in network.stages.parameters()
    )


@pytest.mark.parametrize("name", ["squeezenet1_1", "mobilenet_v3_small"])  # a convolution; two layers
def test_a_teacher_whose_classifier_is_no_linear_layer_on_means(name):
    teacher = build(f"torchvision/{name}", input_size=64).eval().requires_grad_(False)
    for method in ("simkd", "srrl"):
        context = Context(build("cnn", width=0.125), teacher, (3, 32, 32), 7, None, 1)
        with pytest.raises(UserError, match="its logits are not one linear layer on the means of its last"):
            build_method(method, {}).prepare(context)


def test_a_file_says_all(tmp_path):
    network = ready(build(SMALL, in_channels=1, stem="cifar", input_size=24), images(8, 1))
    options = {"stem": "cifar", "input_size": 24, "pretrained": True}  # and nothing is fetched
    about = {"architecture": SMALL, "options": options, "in_channels": 1, "num_classes": 7}
    save_network(tmp_path / "model.safetensors", network.state_dict(), **about)
    loaded = load_network(tmp_path / "model.safetensors", CPU)
    torch.testing.assert_close(loaded(images(2, 1)), network(images(2, 1)))


def test_sides_never_grow():
    maps, _ = build(SMALL).eval().forward_stages(images(size=224))
    assert all(before.shape[2] > after.shape[2] for before, after in pairwise(maps))


@pytest.mark.full
@pytest.mark.parametrize(
    "name", ["alexnet", "convnext_tiny", "densenet121", "googlenet", "inception_v3", "vgg11", "vgg16_bn"]
)
def test_the_smallest_images_are_those_that_a_config_is_checked_by(name):
    smallest = registry.find_library("torchvision").constants["SMALLEST"]
    (side,) = [side for family, side in smallest.items() if name.startswith(family)]
    with torch.device("meta"):
        network = build(f"torchvision/{name}").eval()
        assert network(torch.zeros(2, 3, side, side)).shape == (2, 7)
        with pytest.raises((RuntimeError, ValueError)):
            network(torch.zeros(2, 3, side - 1, side - 1))
