"""The forms in which other collections have our architectures: the names of their layers, in our order.

RepDistiller (github.com/HobbitLong/RepDistiller), mdistiller (megvii-research/mdistiller) and pytorch-cifar
(kuangliu/pytorch-cifar) have networks with the same layers as ours under other names. Each form was read off
their code, and a test computes the logits of both. `outer` and `inner` put layers into our order, whatever
the order in which theirs are registered; `rearranged` channels that are concatenated in another order.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from kd.networks.imported.dense import newest_last

Weights = Mapping[str, Tensor]

ALL_THREE = "pytorch-cifar, RepDistiller and mdistiller"
TWO = "RepDistiller and mdistiller"
CIFAR = "pytorch-cifar"


@dataclass(frozen=True)
class Form:
    """How `collection` names the layers of `architectures`, and the order that these have here.

    A layer is called by parts between dots. `outer` are the first parts and `inner` the later ones, as words
    in the order of our layers; numbers count up. `unused`: layers that the collection has and does not run.
    `poolings`: the option of VGG that the form has, for images of these pixels a side.
    """

    collection: str
    architectures: str
    outer: str
    inner: str = ""
    unused: tuple[str, ...] = ()
    rearranged: Callable[[Weights], dict[str, Tensor]] = dict
    poolings: Callable[[int], int] | None = None
    note: str = ""  # where a network of the same names has other layers

    def place(self, layer: str) -> tuple[int, ...] | None:
        """Where a layer stands among all; None if the form has no such name."""
        first, *rest = layer.split(".")
        inner = self.inner.split()
        try:
            return (
                self.outer.split().index(first),
                *(int(part) if part.isdecimal() else inner.index(part) for part in rest),
            )
        except ValueError:
            return None

    def option_missing(self, options: Mapping[str, Any], side: int) -> str | None:
        """The option that a config needs for this form on images of `side` pixels; None if it has it."""
        if self.poolings is None or options.get("poolings") == self.poolings(side):
            return None
        return f"poolings: {self.poolings(side)}"


_RESIDUAL = "conv1 bn1 layer1 layer2 layer3 layer4 layer5"
_BOTTLENECK = "conv1 bn1 conv2 bn2 se se1 se2 conv3 bn3 shortcut"  # se: squeeze-and-excitation
_BASIC = "conv1 bn1 conv2 bn2 shortcut"
_SHUFFLE_NOTE = (
    "pytorch-cifar's ShuffleNetV2 has a 3x3 stem, and RepDistiller's 2x has 224 channels where the paper has"
    " 244: neither is a network of this project"
)

FORMS = (
    Form(
        TWO,
        "resnet8 resnet14 resnet20 resnet32 resnet44 resnet56 resnet110 resnet8x4 resnet32x4",
        "conv1 bn1 layer1 layer2 layer3 fc",
        "conv1 bn1 conv2 bn2 downsample",
    ),
    Form(
        ALL_THREE,
        "resnet18 resnet34 resnet50 resnet101 resnet152",
        f"{_RESIDUAL} linear",
        "conv1 bn1 conv2 bn2 conv3 bn3 shortcut",
    ),
    Form(
        TWO,
        "wrn_16_1 wrn_16_2 wrn_40_1 wrn_40_2",
        "conv1 block1 block2 block3 bn1 fc",
        "layer bn1 convShortcut conv1 bn2 conv2",
    ),
    Form(
        TWO,
        "vgg8 vgg11 vgg13 vgg16 vgg19",
        "block0 block1 block2 block3 block4 classifier",
        poolings=lambda side: 4 if side == 64 else 3,
    ),
    Form(CIFAR, "vgg11 vgg13 vgg16 vgg19", "features classifier", poolings=lambda side: 5),
    Form(TWO, "mobilenetv2_half", "conv1 blocks conv2 classifier", "conv"),
    Form(
        ALL_THREE,
        "shufflenet_g2 shufflenet_g3 shufflenetv1",
        "conv1 bn1 layer1 layer2 layer3 linear",
        _BOTTLENECK,
    ),
    Form(
        TWO,
        "shufflenetv2 shufflenetv2_x0_5 shufflenetv2_x1_5 shufflenetv2_x2_0",
        "conv1 bn1 layer1 layer2 layer3 conv2 bn2 linear",
        "conv1 bn1 conv2 bn2 conv3 bn3 conv4 bn4 conv5 bn5",
        note=_SHUFFLE_NOTE,
    ),
    Form(
        CIFAR,
        "preact_resnet18 preact_resnet34 preact_resnet50 senet18",
        f"{_RESIDUAL} linear",
        "bn1 shortcut conv1 bn2 conv2 bn3 conv3 fc1 fc2",
    ),
    Form(
        CIFAR,
        "googlenet",
        "pre_layers a3 b3 a4 b4 c4 d4 e4 a5 b5 linear",
        "b1 b2 b3 b4",
    ),
    Form(
        CIFAR,
        "densenet densenet121 densenet169 densenet_cifar",
        "conv1 dense1 trans1 dense2 trans2 dense3 trans3 dense4 bn linear",
        "bn bn1 conv conv1 bn2 conv2",
        rearranged=newest_last,
    ),
    Form(CIFAR, "mobilenet", "conv1 bn1 layers linear", _BASIC),
    Form(CIFAR, "mobilenetv2", "conv1 bn1 layers conv2 bn2 linear", _BOTTLENECK),
    Form(
        CIFAR,
        "efficientnet_b0",
        "conv1 bn1 layers linear",
        _BOTTLENECK,
        unused=("layers.0.conv1", "layers.0.bn1"),
    ),
    Form(
        CIFAR,
        "dla simple_dla",
        "base layer1 layer2 layer3 layer4 layer5 layer6 linear",
        f"prev_root level_1 left_node right_node left_tree right_tree root conv bn {_BASIC}",
    ),
    Form(
        CIFAR,
        "dpn26 dpn92 resnext29 regnetx_200mf regnetx_400mf regnety_400mf",
        f"{_RESIDUAL} linear",
        _BOTTLENECK,
    ),
    Form(
        CIFAR,
        "pnasnet_a pnasnet_b",
        f"{_RESIDUAL} linear",
        "sep_conv1 sep_conv2 sep_conv3 conv1 bn1 conv2 bn2",
    ),
)


def forms_of(architecture: str) -> list[Form]:
    """The forms that other collections have of an architecture of this project."""
    return [form for form in FORMS if architecture in form.architectures.split()]
