"""A teacher's outputs during a student's training, cached or computed on the spot."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from kd.distillation.base import Output
from kd.errors import UserError
from kd.networks.ensemble import Ensemble, mean_of

SHARE = 0.05  # of a GPU's free memory that tables may fill


class LiveTeacher:
    """Runs the network beside the student, in eval mode, without gradients; `stages`: with feature maps."""

    def __init__(self, network: nn.Module, *, stages: bool = False) -> None:
        self._network = network.eval().requires_grad_(False)
        self._stages = stages

    def start_epoch(self, rows: np.ndarray) -> None:
        """Nothing to prepare for the rows (N,) int64 of all samples: the images are at hand in every step."""

    def output(self, images: Tensor, indices: Tensor) -> Output:
        """Of the very images (B, C, H, W) that the student sees, the samples `indices` (B,) int64."""
        with torch.no_grad():
            if isinstance(self._network, Ensemble):
                members = [logits.float() for logits in self._network.forward_members(images)]
                return Output(mean_of(members, self._network.weights), members=tuple(members))
            if not self._stages:
                return Output(self._network(images).float())
            stages, logits = self._network.forward_stages(images)
            return Output(logits.float(), tuple(stage.float() for stage in stages))


def _fit(tables: Sequence[np.ndarray], device: torch.device) -> bool:
    """Whether the tables may lie on the device, where an epoch's logits are gathered at once."""
    if device.type != "cuda":
        return False
    return sum(table.nbytes for table in tables) <= SHARE * torch.cuda.mem_get_info(device)[0]


class CachedTeacher:
    """Reads a table (rows, samples, classes) float16, NaN where nothing was computed.

    Of an ensemble, a table for each network and its weight in the mean.
    """

    def __init__(
        self, tables: Sequence[np.ndarray], device: torch.device, weights: Sequence[float] = (1.0,)
    ) -> None:
        on_device = _fit(tables, device)
        self._tables = [torch.from_numpy(table).to(device if on_device else "cpu") for table in tables]
        self._weights = weights
        # These stay where they are: see step.py.
        self._epoch = [torch.empty(table.shape[1:], device=device) for table in tables]

    def start_epoch(self, rows: np.ndarray) -> None:
        """Gather the epoch's logits in one go; a sample whose row is missing raises UserError."""
        for table, here in zip(self._tables, self._epoch, strict=True):
            samples = torch.arange(len(rows), device=table.device)
            epoch = table[torch.from_numpy(rows).to(table.device), samples].float()
            missing = epoch.isnan().any(dim=1)
            if missing.any():
                sample = int(missing.nonzero()[0])
                raise UserError(
                    f"the teacher's table holds no targets for sample {sample} in row {int(rows[sample])}"
                    f" ({int(missing.sum())} of {len(rows)} missing); delete the teacher's folder below"
                    " targets/ to have it made again"
                )
            here.copy_(epoch)

    def output(self, images: Tensor, indices: Tensor) -> Output:
        """The cached logits; the images are not used."""
        members = tuple(epoch[indices] for epoch in self._epoch)
        if len(members) == 1:
            return Output(members[0])
        return Output(mean_of(members, self._weights), members=members)


Teacher = LiveTeacher | CachedTeacher  # whichever it is, the engine calls `start_epoch` and `output`
