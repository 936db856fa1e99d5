"""Batches made of given answers, for tests of methods."""

import torch

from kd.distillation.base import Batch, Output


def batch_of(student, teacher=None, labels=None, *, images=None, indices=None, epoch=0, preliminary=False):
    """A batch in which the networks answer so: logits (B, C), or a pair of logits and stages."""
    student, teacher = (
        answer
        if answer is None or isinstance(answer, Output)
        else Output(*answer)
        if isinstance(answer, tuple)
        else Output(answer)
        for answer in (student, teacher)
    )
    size = len(student.logits if student else teacher.logits)
    return Batch(
        images,
        torch.zeros(size, dtype=torch.int64) if labels is None else torch.as_tensor(labels),
        torch.arange(size) if indices is None else indices,
        torch.tensor(float(epoch)),
        preliminary,
        lambda images: student,
        lambda images, indices: teacher,
    )
