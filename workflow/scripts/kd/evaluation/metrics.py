"""What is measured of a trained network: loss, accuracy, calibration, agreement, size."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from kd.data.views import ViewedImages
from kd.evaluation.inference import logits_of
from kd.runtime.ranks.group import ALONE, Ranks

BINS = 15  # of the calibration error, as in Guo et al. 2017


@dataclass(frozen=True)
class Score:
    """A network on one split: cross-entropy in nats, accuracy in percent, logits (N, C) float32 on CPU."""

    loss: float
    accuracy: float
    logits: Tensor


def evaluate(model: nn.Module, images: ViewedImages, labels: Tensor, ranks: Ranks = ALONE) -> Score:
    """Run `model` in eval mode over the un-augmented images; its train or eval mode is put back after.

    labels: (N,) int64, on the device of the images. Every sample counts the same, also in a short last batch.
    Several `ranks` run it on a part each; all get the score of all samples, and the first one's buffers.
    """
    was_training = model.training
    model.eval()
    ranks.same_buffers(model)
    everything = torch.arange(images.samples, device=labels.device)
    own = everything[ranks.part(len(everything))]
    with torch.inference_mode():
        some = own if len(own) else everything[:1]  # of more ranks than samples
        logits = _together(logits_of(model, images, some, images.plain), len(some))[: len(own)]
        logits = ranks.gathered(logits, len(everything))
        loss = functional.cross_entropy(logits, labels).item()
        correct = (logits.argmax(1) == labels).sum().item()
    model.train(was_training)
    loss, correct = ranks.of_first(loss, correct)
    return Score(loss, 100 * correct / images.samples, logits.cpu())


def _together(batches: Iterator[Tensor], count: int) -> Tensor:
    """The logits (N, C) float32 of all batches, in memory of their own.

    No batch outlives the next: each would lie in the middle of what the network uses, in memory that the
    allocator keeps, and the next batch would need new memory. It was 9 GB for 85,500 images.
    """
    first, whole = 0, torch.empty(0)
    for logits in batches:
        if not first:
            whole = logits.new_empty((count, logits.shape[1]), dtype=torch.float32)
        whole[first : first + len(logits)] = logits
        first += len(logits)
    return whole


def named_scores(scores: Mapping[str, Score], test_labels: Tensor) -> dict[str, float]:
    """Losses and accuracies on these parts, and the calibration error on the test part."""
    results = {f"{part}_loss": score.loss for part, score in scores.items()}
    results |= {f"{part}_accuracy": score.accuracy for part, score in scores.items()}
    return results | {"ece": expected_calibration_error(scores["test"].logits, test_labels)}


def expected_calibration_error(logits: Tensor, labels: Tensor) -> float:
    """Expected calibration error in percent: Guo et al. 2017 (arXiv:1706.04599), equation 3, 15 equal bins.

    Σ_m |B_m|/n · |acc(B_m) − conf(B_m)|, with bins (k/15, (k+1)/15] of the highest probability.
    logits: (N, C) float; labels: (N,) int64.
    """
    confidence, predicted = functional.softmax(logits.double(), dim=1).max(dim=1)
    bins = (confidence * BINS).ceil().long().clamp(1, BINS) - 1
    gap = (predicted == labels).double() - confidence
    # |B_m| cancels against the means, so the sum of gaps per bin is enough.
    per_bin = torch.zeros(BINS, dtype=torch.float64).index_add_(0, bins, gap)
    return 100 * (per_bin.abs().sum() / len(labels)).item()


def agreement(student: Tensor, teacher: Tensor) -> float:
    """Percent of samples for which both predict the same class.

    Stanton et al. 2021 (arXiv:2106.05945), equation 2.
    student, teacher: (N, C) logits of the same samples in the same order.
    """
    return 100 * (student.argmax(1) == teacher.argmax(1)).double().mean().item()
