"""Tiny networks that cut images into tokens, built of the classes of timm and torchvision, and images for them."""

from functools import partial

import numpy as np
import pytest
import torch
from torchvision.models.swin_transformer import SwinTransformer
from torchvision.models.vision_transformer import VisionTransformer

from kd.data.augmentation import Augmentation
from kd.data.views import Split, ViewedImages
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


def pictures(samples, seed=0):
    """Seven classes that differ in brightness, of 8x8 pixels, which tiny networks of tokens resize."""
    random = np.random.default_rng(seed)
    labels = torch.from_numpy(random.integers(0, CLASSES, samples))
    pixels = random.integers(0, 128, (samples, 8, 8, 3)) + 18 * labels.numpy()[:, None, None, None]
    views = ViewedImages(
        torch.from_numpy(pixels.astype(np.uint8)), Augmentation(1, True), (0.5,) * 3, (0.3,) * 3
    )
    return Split(views, labels)
