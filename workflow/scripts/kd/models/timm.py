"""The classifiers of timm (PyTorch Image Models), by their names there; a tag of weights may follow a dot."""

from functools import partial
from typing import Any, Literal

import timm

from kd.errors import UserError
from kd.models.libraries.pretrained import fetch_checked
from kd.models.libraries.wrapper import LibraryNetwork, Weights, buildable
from kd.settings.types import ImageSize

# Where the package's own files name them, and their weights: a config is checked without importing it.
NAMES = {
    "models/*.py": (
        r"(?m)^@register_model\b.*\n(?:(?!def ).*\n)*def (\w+)\(",
        r"(?m)^\s+['\"](\w+\.[\w.-]+)['\"]\s*:",
    )
}
INSTALL = "envs/requirements-timm.txt"

# Names of what lacks something that methods ask for; see kd.models.libraries.lacking.
LACKS = {
    "relu": (
        "vit_tiny_patch*",
        "vit_small_patch*",
        "vit_base_patch*",
        "vit_large_patch*",
        "deit_*",
        "deit3_*",
        "beit_*",
        "cait_*",
        "xcit_*",
        "convit_*",
        "mixer_*",
        "resmlp_*",
        "swin_*",
    ),
    "maps": (
        "vit_tiny_patch*",
        "vit_small_patch*",
        "vit_base_patch??_224*",
        "vit_large_patch??_224*",
        "deit_*",
        "deit3_*",
        "cait_*",
        "xcit_*",
        "convit_*",
    ),
    "entry": (
        "vit_tiny_patch*",
        "vit_small_patch*",
        "vit_base_patch??_224*",
        "vit_large_patch??_224*",
        "deit_*",
        "deit3_*",
    ),
    "classifier": ("*_distilled_*", "levit_*"),
}


def library(
    name: str,
    in_channels: int,
    num_classes: int,
    *,
    pretrained: bool = False,
    input_size: ImageSize | None = None,
    stem: Literal["own", "cifar"] = "own",
) -> LibraryNetwork:
    """Any classifier of timm, as `timm/<name>`, for images of any number of channels.

    Raises what LibraryNetwork raises.

    `pretrained`: fine-tuning: starts from timm's weights (of the tag, or the default), with a new classifier.
    `input_size`: pixels a side that images are resized to. Default: the size of the pretrained weights, or
    the only one that the network accepts; otherwise images keep their size.
    `stem`: `cifar` replaces the first layers by a 3x3 convolution of stride 1, for small images.
    """
    title = f"timm/{name}"
    with buildable(title):
        about = timm.models.get_pretrained_cfg(name) or timm.models.PretrainedCfg()
        own = about.input_size[-1]
        side = input_size or (own if pretrained or about.fixed_input_size else None)
        settings = {"in_chans": in_channels, "num_classes": num_classes}
        if about.fixed_input_size and side != own:
            settings["img_size"] = side
        network = timm.create_model(name, **settings)
    probe = side if about.fixed_input_size else own
    fetch = partial(_fetch, name, settings) if pretrained else None
    return LibraryNetwork(title, network, (in_channels, probe, probe), num_classes, side, stem, fetch)


def _fetch(name: str, settings: dict[str, Any]) -> Weights:
    """The weights, which timm fetches, checks and fits to the image's channels and size."""
    title, about = f"timm/{name}", timm.models.get_pretrained_cfg(name)
    if not about or not about.has_weights:
        raise UserError(f"{title}: timm has no weights for it; set pretrained: false")
    overlay = {}
    if about.url and not about.hf_hub_id:
        overlay = {"pretrained_cfg_overlay": {"state_dict": fetch_checked(title, about.url)}}
    try:
        return timm.create_model(name, pretrained=True, **settings, **overlay).state_dict()
    except Exception as error:  # the library that timm fetches with has many kinds
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise UserError(
            f"{title}: its weights could not be fetched from {about.hf_hub_id} ({reason}); call"
            " timm.create_model with pretrained=True once where there is a network, on this account, or set"
            " pretrained: false"
        ) from error
