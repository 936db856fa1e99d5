"""Small trainings of random images on a CUDA device."""

import numpy as np
import torch

from kd.data.augmentation import Augmentation
from kd.data.views import Split, ViewedImages
from kd.distillation.combined import build_method
from kd.networks.factory import build_network
from kd.registry import find_architecture
from kd.settings.recipe import Recipe
from kd.training.engine import fit


def split(device, samples, seed=0):
    random = np.random.default_rng(seed)
    pixels = torch.from_numpy(random.integers(0, 256, (samples, 32, 32, 3), dtype=np.uint8)).to(device)
    labels = torch.from_numpy(random.integers(0, 10, samples)).to(device)
    return Split(ViewedImages(pixels, Augmentation(4, True), (0.5,) * 3, (0.25,) * 3), labels)


def network(device, architecture="cnn", seed=0, width=0.25):
    torch.manual_seed(seed)
    options = {"width": width} if "width" in find_architecture(architecture).options.model_fields else {}
    built = build_network(architecture, options, 3, 10)
    return built.to(device=device, memory_format=torch.channels_last)


def train(device, model, samples=512, epochs=2, method="cross_entropy", teacher=None, **more):
    recipe = Recipe(epochs=epochs, batch_size=64, lr=0.02)
    data = split(device, samples), split(device, 64, 1)
    method = build_method(method, {}) if isinstance(method, str) else method
    return fit(model, method, *data, recipe, seed=3, teacher=teacher, **more)


def same(models):
    """Whether two networks have the same bits."""
    states = [model.state_dict().values() for model in models]
    return all(torch.equal(first, second) for first, second in zip(*states, strict=True))
