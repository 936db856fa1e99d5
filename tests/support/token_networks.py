"""Tiny networks that cut images into tokens, built of the classes of timm and torchvision."""

from functools import partial

import pytest
import torch
from torchvision.models.swin_transformer import SwinTransformer
from torchvision.models.vision_transformer import VisionTransformer

from kd.models.libraries.wrapper import LibraryNetwork

SIDE, CLASSES, WIDTH = 16, 7, 12
_OF_TORCHVISION = {
    "image_size": SIDE,
    "patch_size": 4,
    "num_layers": 4,
    "num_heads": 2,
    "hidden_dim": WIDTH,
    "mlp_dim": 24,
}


def _vit():
    network = VisionTransformer(num_classes=CLASSES, **_OF_TORCHVISION)
    torch.nn.init.normal_(network.heads.head.weight, std=0.1)  # zeros, which let no gradient through
    return network


def _swin():
    return SwinTransformer([2, 2], 8, [1, 1, 1], [1, 2, 2], [4, 4], num_classes=CLASSES)


def _timm(module, name, depth="depth", **options):
    models = pytest.importorskip(f"timm.models.{module}", reason="envs/requirements-timm.txt")
    options = {"img_size": SIDE, "patch_size": 4, "embed_dim": WIDTH, depth: 4} | options
    return getattr(models, name)(num_classes=CLASSES, **options)


MADE = {
    "vit": _vit,
    "swin": _swin,
    "timm vit": partial(_timm, "vision_transformer", "VisionTransformer", num_heads=2),
    "deit": partial(_timm, "deit", "VisionTransformerDistilled", num_heads=2),
    "mixer": partial(_timm, "mlp_mixer", "MlpMixer", "num_blocks"),
}


def tiny(kind, seed=0):
    """One of MADE, as a config has those of its library."""
    torch.manual_seed(seed)
    return LibraryNetwork(kind, MADE[kind](), (3, SIDE, SIDE), CLASSES, SIDE, "own", None)
