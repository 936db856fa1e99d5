"""Networks of torchvision and timm with random weights, and images for them."""

import torch

from kd.networks.factory import build_network


def build(name, in_channels=3, classes=7, **options):
    torch.manual_seed(0)
    return build_network(name, options, in_channels, classes)


def images(count=2, channels=3, size=32):
    return torch.randn(count, channels, size, size, generator=torch.Generator().manual_seed(1))


def student(name, **options):
    return {"students": {"small": {"architecture": name, **options}}}
