"""The last maps of a network ahead of the norm and ReLU that close its last stage, as in a WRN."""

from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from kd.distillation.base import Context
from kd.distillation.batch import Batch
from kd.distillation.inside import Listener

Maps = tuple[Tensor, ...]


def _summed(network: nn.Module) -> nn.Module | None:
    """The layer ahead of that norm; None where the last stage ends otherwise."""
    last = network.stages[-1] if len(network.stages) else None
    if not isinstance(last, nn.Sequential) or len(last) < 3:
        return None
    closes = isinstance(last[-2], _BatchNorm) and isinstance(last[-1], nn.ReLU)
    return last[-3] if closes else None


class ComparedMaps:
    """The feature maps of both networks that a method compares, each (B, C_i, H_i, W_i), stage by stage.

    `last_sum`: the last ones are what the last stage adds up, ahead of the norm and ReLU that close it, where
    it ends so: RepDistiller compares these of a WRN. Otherwise all are as the stages put them out.
    """

    def __init__(self, context: Context, *, last_sum: bool) -> None:
        layers = [_summed(network) if last_sum else None for network in (context.student, context.teacher)]
        self._sums = [layer and Listener(layer) for layer in layers]

    def __call__(self, batch: Batch) -> tuple[Maps, Maps]:
        """Of the student and of the teacher."""
        return self.of_student(batch), self.of_teacher(batch)

    def of_student(self, batch: Batch) -> Maps:
        """The student's alone."""
        return _with_sum(batch.student.stages, self._sums[0])

    def of_teacher(self, batch: Batch) -> Maps:
        """The teacher's alone: the student does not run for it."""
        return _with_sum(batch.teacher.stages, self._sums[1])

    def close(self) -> None:
        """Listen no longer: for an epoch in which they are not compared."""
        for last in filter(None, self._sums):
            last.close()


def _with_sum(stages: Maps, last: Listener | None) -> Maps:
    """The last maps are those that were heard, if any were."""
    return (*stages[:-1], last()) if last and last.heard else stages
