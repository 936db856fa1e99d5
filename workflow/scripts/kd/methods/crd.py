r"""Contrastive representation distillation (CRD): Tian, Krishnan & Isola 2020 (arXiv:1910.10699).

A contrastive loss on embeddings. The student's embedding of an image is pulled towards the teacher's of the
same image, and pushed away from the teacher's of images of other classes.

$$
    \begin{split}
    L &= \text{CE}(y, q) + w \left( N(g^s, g^t) + N(g^t, g^s) \right) \\
    N &= -\log h(+) - \sum_{-} \log (1 - h(-)) \\
    h &= \frac{e^{g \cdot g' / τ} / Z}{e^{g \cdot g' / τ} / Z + n}
    \end{split}
$$

With embeddings g of both networks, the same image (+), n images (−) of other classes, and τ = `temperature`.

Code: HobbitLong/RepDistiller (the authors').
"""

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from kd.distillation.base import Context, Distillation
from kd.distillation.batch import Batch
from kd.errors import UserError
from kd.settings.types import Count, Momentum, NonNegative, Positive


def nce_loss(positive: Tensor, scores: Tensor, counts: Tensor, log_z: Tensor) -> Tensor:
    """−log h(positive) − Σ log(1 − h(negative)), the mean over samples: L_critic (equation 18).

    h(s) = E / (E + n) with E = exp(s) / Z, for n negatives: h of equation 19, whose N/M carries the size of
    the data set. The authors' code divides by Z, the mean of exp(s) in the first batch, times that size, and
    so the size cancels out. In logs h is a sigmoid, which neither overflows nor loses small values.

    positive: (B,) and scores: (B, M), inner products of embeddings over the temperature; counts: (B, M), how
    often each of the M is a negative of the sample; log_z: ().
    """
    threshold = log_z + counts.sum(dim=1).clamp(min=1).log()  # (B,), where h is one half
    attract = functional.softplus(threshold - positive)
    repel = counts * functional.softplus(scores - threshold.unsqueeze(1))
    return (attract + repel.sum(dim=1)).mean()


def log_mean_exp(positive: Tensor, scores: Tensor, counts: Tensor) -> Tensor:
    """The log of the mean of exp over all positives and all negatives: shapes as in `nce_loss`, gives ()."""
    everything = torch.cat([positive, (scores + counts.log()).flatten()])
    return everything.logsumexp(dim=0) - (counts.sum() + len(positive)).log()


class Method(Distillation):
    """CE + `weight` · CRD, both networks' turn as the anchor; defaults of the authors (RepDistiller).

    Negatives are drawn with replacement, so that one may be there twice. The authors do that only where there
    are fewer than `negatives`.

    `memory`: "bank" keeps an embedding of every sample by each network, as the paper does, and draws
    `negatives` of them that are of other classes. "queue" does not grow with the data set: the embeddings of
    the last `negatives` samples seen, as in He et al. 2020 (MoCo, arXiv:1911.05722), of which those of other
    classes count; the positive is the other network's embedding at this moment.

    `temperature`: divisor of the inner products of embeddings
    `dimensions`: length of an embedding
    `negatives`: images of other classes that each image is contrasted with
    `momentum`: share of the old embedding that remains in the memory bank
    """

    NEEDS = ("stages",)
    ONE_LABEL = True
    REMEMBERS_SAMPLES = True
    WEIGHTS = (("crd", "weight"),)

    weight: NonNegative = 0.8
    temperature: Positive = 0.07
    dimensions: Count = 128
    negatives: Count = 16384
    momentum: Momentum = 0.5
    memory: Literal["bank", "queue"] = "bank"

    def describe(self) -> str:
        """The loss as the table names it."""
        kept = "" if self.memory == "bank" else ", queue"
        return f"CE + {self.weight:g}·CRD, τ={self.temperature:g}, {self.negatives} negatives{kept}"

    def prepare(self, context: Context) -> None:
        """Embeddings from the pooled last stages, and the memories."""
        widths = context.student_stages[-1][0], context.teacher_stages[-1][0]
        self.embed = nn.ModuleList(nn.Linear(width, self.dimensions) for width in widths)
        samples, per_class = len(context.labels), context.labels.bincount(minlength=context.classes)
        others = int(samples - per_class.max())
        if not others:
            raise UserError(f"crd compares classes, and all {samples} training images are of one")
        rows = samples if self.memory == "bank" else min(self.negatives, samples)
        self.drawn = min(self.negatives, others)  # no more than there are
        start = functional.normalize(torch.randn(2, rows, self.dimensions), dim=2)
        self.register_buffer("rows", start)  # of the student, of the teacher
        self.register_buffer("log_z", torch.zeros(2))
        self.register_buffer("begun", torch.zeros((), dtype=torch.bool))
        if self.memory == "queue":
            self.register_buffer("row_labels", torch.full((rows,), -1))  # what it starts from has no class
            self.register_buffer("place", torch.zeros((), dtype=torch.int64))
            return
        # By class, so that the negatives of one are all places but a stretch. Recomputed in every process.
        self.register_buffer("by_class", context.labels.argsort(stable=True), persistent=False)
        self.register_buffer("class_sizes", per_class, persistent=False)
        self.register_buffer("class_starts", per_class.cumsum(0) - per_class, persistent=False)

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """Cross-entropy with the labels, and the contrast; then the memory learns of this batch."""
        outputs = batch.student, batch.teacher
        vectors = [
            functional.normalize(embed(output.features), eps=1e-6)
            for embed, output in zip(self.embed, outputs, strict=True)
        ]
        counts, contrast, log_z = self._counts(batch.labels), 0.0, []
        for own, vector in enumerate(vectors):
            # Cloned, for the rows change before the gradients are computed from them.
            rows = self.rows[1 - own].clone()
            match = rows[batch.indices] if self.memory == "bank" else vectors[1 - own].detach()
            positive, scores = (vector * match).sum(1) / self.temperature, vector @ rows.T / self.temperature
            fresh = log_mean_exp(positive.detach(), scores.detach(), counts)
            log_z.append(torch.where(self.begun, self.log_z[own], fresh))
            contrast = contrast + nce_loss(positive, scores, counts, log_z[-1])
        self._remember(batch, torch.stack(vectors).detach(), torch.stack(log_z))
        return {
            "ce": batch.cross_entropy(batch.student.logits),
            "crd": self.weight * contrast,
        }

    def _counts(self, labels: Tensor) -> Tensor:
        """How often each row of the memory is a negative of each sample (B,): (B, M) float."""
        if self.memory == "queue":
            return (labels.unsqueeze(1) != self.row_labels).float()
        size, start = self.class_sizes[labels].unsqueeze(1), self.class_starts[labels].unsqueeze(1)
        random = torch.randint(2**62, (len(labels), self.drawn), device=labels.device)
        place = random % (len(self.by_class) - size)
        drawn = self.by_class[place + size * (place >= start)]  # past the stretch of the own class
        # Counted, not gathered: the gradient of gathering adds floats in an order that a GPU does not fix.
        counts = torch.zeros(len(labels) * len(self.by_class), device=labels.device)
        firsts = torch.arange(len(labels), device=labels.device).unsqueeze(1) * len(self.by_class)
        counts.scatter_add_(
            0, (firsts + drawn).flatten(), torch.ones((), device=labels.device).expand(drawn.numel())
        )
        return counts.view(len(labels), -1)

    @torch.no_grad()
    def _remember(self, batch: Batch, vectors: Tensor, log_z: Tensor) -> None:
        """Write the embeddings (2, B, D) where they belong, and the constants (2,) of the first batch."""
        self.log_z.copy_(log_z)
        self.begun.fill_(True)
        if self.memory == "bank":
            old = self.rows[:, batch.indices]
            mixed = self.momentum * old + (1 - self.momentum) * vectors
            self.rows.index_copy_(1, batch.indices, functional.normalize(mixed, dim=2))
            return
        newest = min(len(batch.labels), len(self.row_labels))
        places = (self.place + torch.arange(newest, device=self.place.device)) % len(self.row_labels)
        self.rows.index_copy_(1, places, vectors[:, -newest:])
        self.row_labels.index_copy_(0, places, batch.labels[-newest:])
        self.place.copy_((self.place + newest) % len(self.row_labels))
