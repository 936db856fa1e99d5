"""Batches made of outputs that a test chooses, for tests of methods."""

import torch

from kd.distillation.batch import Batch, Companions, Output


def _output(value):
    if value is None or isinstance(value, Output):
        return value
    return Output(*value) if isinstance(value, tuple) else Output(value)


def batch_of(
    student, teacher=None, labels=None, *, images=None, indices=None, epoch=0, preliminary=False, others=None
):
    """A batch whose networks put these out: logits (B, C), or a pair of logits and feature maps.

    `others`: what the student puts out for the companions, their labels and numbers.
    """
    student, teacher = _output(student), _output(teacher)
    size = len(student.logits if student else teacher.logits)
    beside = others and Companions(torch.zeros(0), torch.as_tensor(others[1]), torch.as_tensor(others[2]))
    return Batch(
        images,
        torch.zeros(size, dtype=torch.int64) if labels is None else torch.as_tensor(labels),
        torch.arange(size) if indices is None else indices,
        torch.tensor(float(epoch)),
        preliminary,
        lambda shown: Output(others[0]) if beside and shown is beside.images else student,
        lambda images, indices: teacher,
        companions=beside,
    )
