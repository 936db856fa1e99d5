"""The last maps of a network ahead of the norm and ReLU that close its last stage, as in a WRN."""

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from kd.distillation.base import Batch, Context

Maps = tuple[Tensor, ...]


def _summed(network: nn.Module) -> nn.Module | None:
    """The layer ahead of that norm; None where the last stage ends otherwise."""
    last = network.stages[-1] if len(network.stages) else None
    if not isinstance(last, nn.Sequential) or len(last) < 3:
        return None
    closes = isinstance(last[-2], _BatchNorm) and isinstance(last[-1], nn.ReLU)
    return last[-3] if closes else None


class _LastSum:
    """Listens to a network, and puts its last sum in the place of its last stage's maps."""

    def __init__(self, network: nn.Module) -> None:
        self._heard: dict[int, Tensor] = {}
        layer = _summed(network)
        self._hooks = [layer.register_forward_hook(self._hear)] if layer else []

    def _hear(self, layer: nn.Module, inputs: tuple[Tensor], maps: Tensor) -> None:
        self._heard[0] = maps

    def __call__(self, stages: Maps) -> Maps:
        if not self._heard:
            return stages
        maps = self._heard.pop(0)  # one that stayed would keep the whole graph of its step alive
        return (*stages[:-1], maps.to(torch.promote_types(maps.dtype, torch.float32)))

    def close(self) -> None:
        """Listen no longer."""
        while self._hooks:
            self._hooks.pop().remove()
        self._heard.clear()


class ComparedMaps:
    """The feature maps of both networks that a method compares, each (B, C_i, H_i, W_i), stage by stage.

    `last_sum`: the last ones are what the last stage adds up, ahead of the norm and ReLU that close it, where
    it ends so: RepDistiller compares these of a WRN. Otherwise all are as the stages put them out.
    """

    def __init__(self, context: Context, *, last_sum: bool) -> None:
        networks = (context.student, context.teacher) if last_sum else ()
        self._sums = [_LastSum(network) for network in networks]

    def __call__(self, batch: Batch) -> tuple[Maps, Maps]:
        """Of the student and of the teacher."""
        stages = batch.student.stages, batch.teacher.stages
        if not self._sums:
            return stages
        student, teacher = (last(maps) for last, maps in zip(self._sums, stages, strict=True))
        return student, teacher

    def close(self) -> None:
        """Listen no longer: for an epoch in which they are not compared."""
        for last in self._sums:
            last.close()
