"""A teacher's outputs during a student's training, cached or computed on the spot."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from kd.data.rows import Rows
from kd.data.views import ViewedImages
from kd.distillation.batch import Output, as_output, outputs_of
from kd.networks.ensemble import Ensemble, mean_of
from kd.teachers.reading import Targets


class LiveTeacher:
    """Runs the network beside the student, in eval mode, without gradients; `stages`: with feature maps.

    `batch_statistics`: its batch norms go by the batch at hand, as in train mode, and learn nothing from it.
    """

    def __init__(self, network: nn.Module, *, stages: bool = False, batch_statistics: bool = False) -> None:
        self._network = network.eval().requires_grad_(False)
        self._stages = stages
        if batch_statistics:
            for module in network.modules():
                if isinstance(module, _BatchNorm):
                    module.training, module.track_running_stats = True, False

    def start_epoch(self, epoch: int, rows: np.ndarray) -> None:
        """Nothing to prepare for the rows (N,) int64 of all samples: the images are at hand in every step."""

    def output(self, images: Tensor, indices: Tensor) -> Output:
        """Of the very images (B, C, H, W) that the student sees, the samples `indices` (B,) int64."""
        with torch.no_grad():
            if isinstance(self._network, Ensemble):
                members = [logits.float() for logits in self._network.forward_members(images)]
                return Output(mean_of(members, self._network.weights), members=tuple(members))
            if not self._stages:
                return Output(self._network(images).float())
            return as_output(*outputs_of(self._network, images))


class CachedTeacher:
    """Reads stored targets; of an ensemble, those of each network, and its weight in the mean.

    `temperature`: at which the method compares the logits of classes that are stored in sum alone.
    """

    def __init__(
        self,
        targets: Sequence[Targets],
        device: torch.device,
        weights: Sequence[float] = (1.0,),
        temperature: float = 1.0,
    ) -> None:
        self._targets, self._weights, self._temperature = targets, weights, temperature
        # These stay where they are: see step.py.
        self._epoch = [member.encoding.empty(member.samples, device=device) for member in targets]

    def start_epoch(self, epoch: int, rows: np.ndarray) -> None:
        """Gather the targets of epoch `epoch`, whose rows are (N,) int64; UserError if one is missing."""
        for targets, here in zip(self._targets, self._epoch, strict=True):
            targets.read(epoch, rows, here)

    def output(self, images: Tensor, indices: Tensor) -> Output:
        """The stored logits; the images are not used."""
        members = tuple(
            targets.encoding.decode({name: array[indices] for name, array in here.items()}, self._temperature)
            for targets, here in zip(self._targets, self._epoch, strict=True)
        )
        if len(members) == 1:
            return Output(members[0])
        return Output(mean_of(members, self._weights), members=members)


BLOCK = 512  # images at once, where nothing has to be kept for gradients


def first_logits(teacher: "Teacher", images: ViewedImages, seed: int) -> Tensor:
    """A teacher's logits of all training samples as the first epoch shows them: (N, C) float32.

    Images are read only for a teacher that runs.
    """
    rows = Rows(images.augmentation, seed, images.samples)
    shown = rows.shown_in(0)
    teacher.start_epoch(0, rows.of_epoch(0))
    blocks = torch.arange(images.samples).split(BLOCK)
    reading = [shown[block].read(block).to(images.device) for block in blocks]
    pixels = images.read_ahead(reading) if isinstance(teacher, LiveTeacher) else iter(())
    shown, parts = shown.to(images.device), []
    for block in blocks:
        block = block.to(images.device)
        seen = next(pixels, None)
        inputs = seen if seen is None else images.show(seen, shown[block])[0]
        parts.append(teacher.output(inputs, block).logits)
    return torch.cat(parts)


Teacher = LiveTeacher | CachedTeacher  # whichever it is, the engine calls `start_epoch` and `output`
