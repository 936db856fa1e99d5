"""Losses by restored logits beside those by all of them, and their gradients."""

import statistics
from typing import Any

import torch
from torch import Tensor, nn

from bench.top_k.ways import Restore
from kd.distillation.batch import Batch, Output
from kd.distillation.combined import build_method

BATCH = 128
TEMPERATURES = (1.0, 2.0, 4.0, 8.0)
MLKD = ("instance_weight", "batch_weight", "class_weight")  # the paper's: all the same
LOSSES: dict[str, tuple[str, dict[str, Any]]] = {
    **{f"kd, T={T:g}": ("kd", {"temperature": T, "ce_weight": 0.0}) for T in TEMPERATURES},
    "kd, T=2, standardized": ("kd", {"temperature": 2.0, "ce_weight": 0.0, "standardize": True}),
    "dkd": ("dkd", {"ce_weight": 0.0}),
    "nkd": ("nkd", {"ce_weight": 0.0}),
    "wsld": ("wsld", {"ce_weight": 0.0}),
    "dist": ("dist", {"ce_weight": 0.0}),
    "mlkd": ("mlkd", {"ce_weight": 0.0, **dict.fromkeys(MLKD, 0.9)}),
    "ctkd": ("ctkd", {"ce_weight": 0.0}),
}


def compare(
    teacher: Tensor, student: Tensor, labels: Tensor, restore: Restore, top_k: int, name: str
) -> dict[str, float]:
    """Of a loss by restored logits beside that by all of them, (N, C) float32: relative errors, cosine.

    The loss is compared by its mean, the gradient with respect to the student's logits by its norm.
    """
    method = build_method(*LOSSES[name])
    (loss, exact), (other, close) = (
        _loss(method, student, logits, labels)
        for logits in (teacher, restore(teacher, top_k, method.softened_at))
    )
    return {
        "loss": abs(other - loss) / abs(loss),
        "gradient": ((close - exact).norm() / exact.norm()).item(),
        "cosine": nn.functional.cosine_similarity(close.flatten(), exact.flatten(), dim=0).item(),
    }


def _loss(method: Any, student: Tensor, teacher: Tensor, labels: Tensor) -> tuple[float, Tensor]:
    """The mean over batches, and the gradient (N, C)."""
    losses, gradients = [], []
    for part in torch.arange(len(student)).split(BATCH):
        leaf = student[part].clone().requires_grad_()
        runs = (lambda images, leaf=leaf: Output(leaf)), (lambda *_, part=part: Output(teacher[part]))
        batch = Batch(torch.zeros(len(part)), labels[part], part, torch.zeros(()), False, *runs)
        loss = sum(term for key, term in method.losses(batch).items() if key != "ce")
        loss.backward()
        losses.append(loss.item())
        gradients.append(leaf.grad)
    return statistics.mean(losses), torch.cat(gradients)
