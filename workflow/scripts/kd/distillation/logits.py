"""What the methods that compare logits share: softening, standardising, the divergence, the other classes."""

import torch
from torch import Tensor
from torch.nn import functional

from kd.distillation.batch import Batch
from kd.errors import UserError


def compared(batch: Batch, *, standardize: bool) -> tuple[Tensor, Tensor]:
    """Logits (B, C) of the student, and of the teacher without gradients; standardised if `standardize`."""
    student, teacher = batch.student.logits, batch.teacher.logits.detach()
    return (standardized(student), standardized(teacher)) if standardize else (student, teacher)


def standardized(logits: Tensor) -> Tensor:
    """(z − mean) / std over the classes of each sample, (B, C) -> (B, C), so that only relations are left.

    Sun et al. 2024, "Logit Standardization in Knowledge Distillation" (arXiv:2403.01427), algorithm 1: what
    follows divides it by the temperature. As in their code, the variance is divided by C − 1, and 1e-7 is
    added to the deviation. Only what is distilled is standardised, never what the cross-entropy sees.
    Raises UserError for two classes, of which nothing but the sign would be left, without a gradient.
    """
    if logits.shape[1] < 3:
        raise UserError("standardize needs three classes or more: of two logits it leaves nothing to learn")
    centred = logits - logits.mean(dim=1, keepdim=True)
    return centred / (logits.std(dim=1, keepdim=True) + 1e-7)


def log_probabilities(logits: Tensor, temperature: float | Tensor) -> Tensor:
    """Logarithms of the class probabilities softened by a temperature, (B, C) -> (B, C)."""
    return functional.log_softmax(logits / temperature, dim=1)


def divergence(log_student: Tensor, log_teacher: Tensor) -> Tensor:
    """KL(teacher ‖ student) of log-probabilities (B, C), in nats: a scalar.

    Summed over classes and averaged over samples ("batchmean"): the default reduction would divide by the
    number of classes as well.
    """
    return functional.kl_div(log_student, log_teacher, reduction="batchmean", log_target=True)


def divergences(log_student: Tensor, log_teacher: Tensor) -> Tensor:
    """KL(teacher ‖ student) of log-probabilities (B, C) of each sample, in nats: (B,)."""
    return (log_teacher.exp() * (log_teacher - log_student)).sum(dim=1)


def of_label(values: Tensor, labels: Tensor) -> Tensor:
    """What (B, C) holds for each sample's own class: (B, 1)."""
    return values.gather(1, labels[:, None])


def of_others(values: Tensor, labels: Tensor) -> Tensor:
    """What (B, C) holds for all classes but each sample's own, in order: (B, C−1).

    Taken out and not masked by −inf: the divergence would have 0 · (−∞ + ∞) there. Indices and not a mask
    of truths, whose number of hits the host would have to wait for.
    """
    classes = torch.arange(values.shape[1] - 1, device=values.device)
    return values.gather(1, classes + (classes >= labels[:, None]))


def log_binary(logits: Tensor, labels: Tensor, temperature: float) -> Tensor:
    """log p_t and log(1 − p_t) of the classes `labels` (B,) at a temperature, (B, C) -> (B, 2).

    From the log-odds, for 1 − p_t itself would round to 0.
    """
    softened = logits / temperature
    odds = of_label(softened, labels) - of_others(softened, labels).logsumexp(dim=1, keepdim=True)
    return functional.logsigmoid(torch.cat([odds, -odds], dim=1))


def described(ce_weight: float, terms: str, *, standardize: bool = False) -> str:
    """How the table names cross-entropy and the terms that go with it."""
    cross_entropy = "CE" if ce_weight == 1 else f"{ce_weight:g}·CE"
    return f"{cross_entropy} + {terms}" + (", standardized logits" if standardize else "")
