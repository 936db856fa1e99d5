"""Random images, a small network, and a callback that ends a training, for tests of the engine."""

import numpy as np
import torch

from kd.data.augmentation import Augmentation
from kd.data.views import Split, ViewedImages
from kd.networks.factory import build_network
from kd.runtime.signals import StopSignal
from kd.training.callback import Callback


def split(samples, seed=0, device="cpu"):
    random = np.random.default_rng(seed)
    pixels = torch.from_numpy(random.integers(0, 256, (samples, 8, 8, 1), dtype=np.uint8))
    labels = torch.from_numpy(random.integers(0, 3, samples))
    images = ViewedImages(pixels.to(device), Augmentation(1, True), (0.5,), (0.3,))
    return Split(images, labels.to(device))


def network(seed=0, architecture="cnn"):
    torch.manual_seed(seed)
    return build_network(architecture, {"width": 0.125}, 1, 3)


class StopsAfter(Callback):
    """Tells its training to end when it has begun so many steps."""

    def __init__(self, steps):
        self.ending, self.left = StopSignal(), steps

    def on_step(self, epoch, done):
        self.left -= 1
        if self.left == 0:
            self.ending.name = "SIGTERM"
