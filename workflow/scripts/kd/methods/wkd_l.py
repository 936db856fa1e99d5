r"""Wasserstein distance of logits (WKD-L): Lv, Yang & Li 2024 (arXiv:2412.08139).

How far the student's probabilities have to be moved to become the teacher's. Moving between classes that the
teacher sees as alike costs little, so a confusion of cat and dog weighs less than one of cat and truck. A
divergence compares each class with itself alone.

$$
    \begin{split}
    L &= w_\text{ce}\,\text{CE}(y, q) - w_\text{target}\,p_y \log q_y \\
        &+ u\,w_\text{wkd} \sum_{i,j} c_{ij} f_{ij} \\
    f_{ij} &= a_i\,e^{-c_{ij} / η}\,b_j
    \end{split}
$$

With the cost c of two classes, and a and b by Sinkhorn's iterations, so that the rows of f sum to q̂ and its
columns to p̂: both at T without the labelled class, summing to 1. The factor u falls at the end.

Code: JiamingLv/WKD (the authors').
"""

from math import isqrt

import torch
from torch import Tensor

from kd.distillation.base import Context, Distillation
from kd.distillation.batch import Batch
from kd.distillation.logits import compared, described, of_others
from kd.errors import UserError
from kd.methods.nkd import target_loss
from kd.settings.types import Count, Fraction, NonNegative, Positive

LEAST = 1e-8  # is added to costs and denominators, as in the authors' code
MOST = 2**26  # entries of the Gram matrices of all classes, at most


def class_distances(logits: Tensor, labels: Tensor, classes: int) -> Tensor:
    """1 − CKA of every two classes, (C, C): how unlike each other the teacher sees their images.

    The centred kernel alignment with a linear kernel (section 3.1 of the paper), of as many images of each
    class as the smallest one has, in their order; the i-th of one goes with the i-th of the other. Of many
    classes or images the first are taken, so that all Gram matrices together have 2^26 entries at most.

    logits: (N, D); labels: (N,) int64. Raises UserError for a class of less than two images.
    """
    labels = labels.cpu()
    counts = torch.bincount(labels, minlength=classes)
    images = min(int(counts.min()), isqrt(MOST // classes))
    if images < 2:
        raise UserError(
            f"wkd_l compares the images of classes, and class {int(counts.argmin())} has less than two"
        )
    order = labels.argsort(stable=True)
    places = (counts.cumsum(0) - counts)[:, None] + torch.arange(images)
    rows = logits[order[places].to(logits.device)]  # (C, images, D)
    rows = rows - rows.mean(dim=1, keepdim=True)
    grams = (rows @ rows.transpose(1, 2)).flatten(1)
    grams = grams / torch.linalg.vector_norm(grams, dim=1, keepdim=True).clamp(min=LEAST)
    return 1 - grams @ grams.T


def costs(distances: Tensor, sharpness: float) -> Tensor:
    """1 − exp(−κ · distance) and 1e-8, (C, C), never negative; κ is the paper's sharpening."""
    return (1 - (-sharpness * distances).exp()).clamp(min=0) + LEAST


def transport(first: Tensor, second: Tensor, cost: Tensor, regularisation: float, rounds: int) -> Tensor:
    """Σ cost · flow of the flow between two distributions (B, K), by Sinkhorn's iterations: (B,).

    Cuturi 2013 (arXiv:1306.0895), with `rounds` iterations through all of which gradients go, as in the
    authors' code. cost: (B, K, K).
    """
    kernel = (-cost / regularisation).exp()
    u = torch.full_like(first, 1 / first.shape[1])[:, :, None]
    for _ in range(rounds):
        v = second[:, :, None] / (kernel.transpose(1, 2) @ u + LEAST)
        u = first[:, :, None] / (kernel @ v + LEAST)
    return (u * kernel * v.transpose(1, 2) * cost).sum(dim=(1, 2))


def wkd_loss(
    student: Tensor,
    teacher: Tensor,
    labels: Tensor,
    cost: Tensor,
    temperature: float,
    regularisation: float,
    rounds: int,
) -> Tensor:
    """W between the softened probabilities of the classes beside the label, which sum to 1 there.

    The second term of the paper's loss with separation (section 3.1). It has no T².

    student, teacher: (B, C) float logits; labels: (B,) int64; cost: (C, C). Returns a scalar: mean over
    samples.
    """
    softened = [(of_others(logits, labels) / temperature).softmax(dim=1) for logits in (student, teacher)]
    classes = torch.arange(len(cost), device=labels.device).expand(len(labels), -1)
    others = of_others(classes, labels)
    own = cost[others[:, :, None], others[:, None, :]]
    return transport(*softened, own, regularisation, rounds).mean()


class Method(Distillation):
    """`ce_weight` · CE(labels) + `target_weight` · target + `wkd_weight` · W.

    The defaults are the authors' for ResNet-32x4 to ResNet-8x4 on CIFAR-100; for WRN-40-2 to ShuffleNetV1
    they have 200 and T = 6. The weight of W falls to 0 along half a cosine after epoch 150 of 240. The
    labelled class is apart, as in `nkd`, whose term for it this has too.

    The costs come from the teacher's logits of the training images, as the authors have it for ImageNet.
    For CIFAR-100 they take the pixels of its last maps, for which it would have to run.

    600 is large for easy data: on the 8x8 digits (one seed, 16 epochs) a student had 80.7 %, with 60 it had
    94.5 %, and without a teacher 92.9 %.

    `target_weight`: weight of the labelled class
    `wkd_weight`: weight of the Wasserstein distance of the other classes (the paper's lambda)
    `sharpness`: how fast the cost grows with the distance of two classes (the paper's kappa)
    `regularisation`: strength of the entropy in the transport (the paper's eta)
    `rounds`: Sinkhorn's iterations
    `decay_from`: share of the epochs after which the weight of W falls
    """

    NEEDS = ("logits",)
    ONE_LABEL = True
    ONE_ABOVE_ZERO = ("ce_weight", "target_weight", "wkd_weight")
    WEIGHTS = (("target", "target_weight"), ("wkd", "wkd_weight"))

    temperature: Positive = 8.0
    ce_weight: NonNegative = 1.0
    target_weight: NonNegative = 1.0
    wkd_weight: NonNegative = 600.0
    sharpness: Positive = 1.0
    regularisation: Positive = 0.05
    rounds: Count = 10
    decay_from: Fraction = 0.625

    def describe(self) -> str:
        """The loss as the table names it."""
        weights = f"{self.target_weight:g}·target + {self.wkd_weight:g}·Wasserstein"
        return described(self.ce_weight, f"{weights} (WKD-L), T={self.temperature:g}")

    def prepare(self, context: Context) -> None:
        """What it costs to move from class to class."""
        distances = class_distances(context.teacher_logits(), context.labels, context.classes)
        self.register_buffer("cost", costs(distances, self.sharpness))
        self.epochs = context.epochs

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """Cross-entropy with the labels, the labelled class, and what moving the others costs."""
        student, teacher = compared(batch, standardize=False)
        # Counted from 1, as by the authors: the weight is 0 in the last epoch.
        share = ((batch.epoch + 1) / self.epochs - self.decay_from).clamp(min=0) / (1 - self.decay_from)
        weight = self.wkd_weight * (1 + torch.cos(torch.pi * share)) / 2
        known = batch.labels, self.cost, self.temperature, self.regularisation, self.rounds
        return {
            "ce": self.ce_weight * batch.cross_entropy(student),
            "target": self.target_weight * target_loss(student, teacher, batch.labels),
            "wkd": weight * wkd_loss(student, teacher, *known),
        }
