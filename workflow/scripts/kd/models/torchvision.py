"""The classifiers of torchvision, by the names that they have in torchvision.models."""

import inspect
import re
from functools import partial
from typing import Any, Literal

from torchvision import models

from kd.errors import UserError
from kd.models.libraries.pretrained import fetch_checked
from kd.models.libraries.stems import take_channels
from kd.models.libraries.wrapper import LibraryNetwork, Weights, buildable
from kd.settings.types import ImageSize

# Where the package's own files name them, so that a config is checked without importing it.
NAMES = {"models/*.py": (r"(?m)^@register_model\b.*\n(?:(?!def ).*\n)*def (\w+)\(",)}
INSTALL = "envs/requirements.txt"
# Pixels a side that families need, with a stem of their own; a config is checked by it before anything runs.
SMALLEST = {"alexnet": 63, "convnext": 32, "densenet": 29, "googlenet": 15, "inception_v3": 75, "vgg": 32}

# Names of what lacks something that methods ask for; see kd.models.libraries.lacking.
LACKS = {"relu": ("vit_*", "swin_*", "convnext_*"), "maps": ("vit_*",), "entry": ("vit_*",)}


def library(
    name: str,
    in_channels: int,
    num_classes: int,
    *,
    pretrained: bool = False,
    input_size: ImageSize | None = None,
    stem: Literal["own", "cifar"] = "own",
) -> LibraryNetwork:
    """Any classifier of torchvision, as `torchvision/<name>`, for images of any number of channels.

    Raises what LibraryNetwork raises.

    `pretrained`: fine-tuning: starts from the weights that torchvision recommends, with a new classifier.
    `input_size`: pixels a side that images are resized to. Default: the size of the pretrained weights, or
    the only one that the network accepts; otherwise images keep their size.
    `stem`: `cifar` replaces the first layers by a 3x3 convolution of stride 1, for small images.
    """
    weights = models.get_model_weights(name).DEFAULT
    own = weights.transforms.keywords["crop_size"]
    takes = _arguments(name)
    fixed = {"image_size", "input_size"} & set(takes)
    side = input_size or (own if pretrained or fixed else None)
    settings = {"num_classes": num_classes} | _settings(takes, side, pretrained and in_channels == 3)
    title = f"torchvision/{name}"
    with buildable(title):
        network = models.get_model(name, **settings)
    probe = side if fixed else own
    if in_channels != 3:
        take_channels(network, probe, in_channels)
    fetch = partial(_fetch, name, in_channels) if pretrained else None
    return LibraryNetwork(title, network, (in_channels, probe, probe), num_classes, side, stem, fetch)


def _arguments(name: str) -> set[str]:
    """The arguments of a network's class."""
    made = inspect.signature(models.get_model_builder(name)).return_annotation
    return set(inspect.signature(made.__init__).parameters)


def _settings(takes: set[str], side: int | None, imagenet: bool) -> dict[str, Any]:
    """Heads beside the classifier are left out: nothing here would train them.

    `imagenet`: whether weights follow that were made for another scale of the pixels, which some networks
    know.
    """
    every = {"aux_logits": False, "init_weights": True, "transform_input": imagenet}
    sizes = {"image_size": side, "input_size": (side, side)}
    return {key: value for key, value in (every | sizes).items() if key in takes}


def _fetch(name: str, in_channels: int) -> Weights:
    """The weights, in the form that the network has which they were made for."""
    weights = models.get_model_weights(name).DEFAULT
    size, takes = weights.transforms.keywords["crop_size"], _arguments(name)
    tensors = fetch_checked(f"torchvision/{name}", weights.url)
    # The oldest files have "norm.1" for "norm1" in DenseNets.
    for key in [key for key in tensors if "denselayer" in key]:
        tensors[re.sub(r"\.(norm|conv)\.([12])\.", r".\1\2.", key)] = tensors.pop(key)
    settings = {"num_classes": len(weights.meta["categories"])} | _settings(takes, size, False)
    settings |= {key: key == "aux_logits" for key in {"aux_logits", "init_weights"} & takes}
    network = models.get_model(name, **settings)
    try:
        network.load_state_dict(tensors)  # which knows the other forms that files have had
    except RuntimeError as error:
        raise UserError(
            f"torchvision/{name}: the weights at {weights.url} are not those of this version of torchvision"
        ) from error
    if in_channels != 3:
        take_channels(network, size, in_channels)
    return network.state_dict()
