"""The cross-entropy with the labels, smoothed and weighed as a recipe says."""

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional


class LabelLoss:
    """torch's cross-entropy with label smoothing, and classes that weigh the same whatever their size.

    `labels`: (N,) int64, of all training samples; with `balanced` a class weighs n / (C · n_c), as in
    scikit-learn (King & Zeng 2001, section 4.2), and a mean is one by these weights.
    """

    def __init__(self, labels: Tensor, *, smoothing: float = 0.0, balanced: bool = False) -> None:
        self._labels = labels if balanced else None
        self._smoothing, self._weights = smoothing, None

    def __call__(self, logits: Tensor, labels: Tensor, **options: Any) -> Tensor:
        """Of logits (B, C) and labels, (B,) int64 or (B, C) probabilities: a scalar, in nats.

        `options` are those of torch's function, before those of the recipe.
        """
        if self._labels is not None and self._weights is None:  # C is not known before
            self._weights = balanced_weights(self._labels, logits.shape[1])
        options = {"label_smoothing": self._smoothing, "weight": self._weights} | options
        probabilities = labels.is_floating_point()
        if self._weights is None or not (options["label_smoothing"] or probabilities):
            return functional.cross_entropy(logits, labels, **options)
        # With weights and smoothing torch waits for the device, unless labels are probabilities; of
        # these it takes the plain mean.
        if not probabilities:
            labels = (labels[:, None] == torch.arange(logits.shape[1], device=labels.device)).to(logits.dtype)
        total = functional.cross_entropy(logits, labels, reduction="sum", **options)
        return total / (labels * self._weights).sum()


def balanced_weights(labels: Tensor, classes: int) -> Tensor:
    """(C,) float32, on the device of the labels (N,); 0 for a class without a sample, which none asks for."""
    counts = torch.bincount(labels.cpu(), minlength=classes)
    weights = len(labels) / (classes * counts.clamp(min=1)) * (counts > 0)
    return weights.float().to(labels.device)
