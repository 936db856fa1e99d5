"""Networks of nothing but maps and a classifier, for methods that compare the logits of regions."""

import numpy as np
import torch
from batches import batch_of
from torch import nn

from kd.distillation.base import Context
from kd.distillation.combined import build_method

LABELS = np.array([0, 2, 1, 3])


class Net(nn.Module):
    """Its maps are the images, and its logits the classifier's on their means."""

    def __init__(self, side=8, channels=3):
        super().__init__()
        self.shape = channels, side, side
        self.classifier = nn.Linear(channels, 5)

    def forward_stages(self, images):
        maps = torch.zeros(len(images), *self.shape) if len(images) == 1 else images
        return [maps], self.classifier(maps.mean(dim=(2, 3)))


def answers(networks, images, labels=LABELS, epoch=19):
    """The batch of what a student and a teacher put out for maps (2, B, C, H, W)."""
    outputs = [network.forward_stages(maps) for network, maps in zip(networks, images, strict=True)]
    student, teacher = ((logits, tuple(stages)) for stages, logits in outputs)
    return batch_of(student, teacher, labels, epoch=epoch)


def taught(name, side=8, dtype=torch.float32, epoch=19, **options):
    """A method, its student and its teacher, and a batch; by default after any warm-up."""
    torch.manual_seed(0)
    networks = Net(side), Net(side)
    method = build_method(name, options)
    method.prepare(Context(*networks, (3, side, side), 5, torch.tensor(LABELS), 2))
    images = torch.randn(2, 4, 3, side, side).to(dtype)
    for module in (*networks, method):
        module.to(dtype)
    return method, networks, answers(networks, images, epoch=epoch)
