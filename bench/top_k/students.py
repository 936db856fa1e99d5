"""Accuracies of students that learn 100 and 1,000 classes from stored logits, all of them or the largest."""

import itertools
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from bench.top_k.losses import BATCH
from bench.top_k.samples import drawn, joined, joined_labels
from bench.top_k.ways import own_temperature
from kd.distillation.batch import Batch, Output
from kd.distillation.combined import build_method
from kd.networks.factory import build_network

TEST = 10_000  # samples, of photographs that no student has seen


@dataclass(frozen=True)
class Samples:
    """Samples of a task: photographs `chosen` (n, p) int64 of `images` (N, C, H, W), labels (n,) int64."""

    images: Tensor
    chosen: Tensor
    labels: Tensor

    def batch(self, part: Tensor) -> Tensor:
        """The photographs of each as one image of p times the channels, a pixel each from -1 to 1."""
        return 2 * self.images[self.chosen[part]].flatten(1, 2) - 1


@dataclass(frozen=True)
class Training:
    """How students are trained: SGD with a cosine, `seeds` of them for each kind of target."""

    samples: int
    epochs: int
    seeds: int
    temperatures: Sequence[float]
    channels: tuple[int, ...] = (32, 64)


def student_accuracies(
    images: Tensor, logits: Tensor, labels: Tensor, counts: Sequence[int], how: Training
) -> Iterator[dict[str, Any]]:
    """Test accuracy, in percent, by the number of classes, `top_k` (null: all) and the temperature of `kd`.

    images (N, C, H, W) float32 from 0 to 1, a teacher's logits of them (N, 10) float32, labels (N,) int64.
    """
    ends, classes = len(images) * 9 // 10, logits.shape[1]
    for photographs in (2, 3):
        draw = torch.Generator().manual_seed(photographs)
        chosen = (
            drawn(how.samples, photographs, 0, ends, draw),
            drawn(TEST, photographs, ends, len(images), draw),
        )
        train, test = (Samples(images, some, joined_labels(labels, some, classes)) for some in chosen)
        whole = joined(logits, train.chosen)
        for top_k, temperature in itertools.product((None, *counts), how.temperatures):
            targets = own_temperature(whole, top_k, temperature) if top_k else whole.half().float()
            accuracies = [
                _accuracy(train, test, targets, temperature, seed, how) for seed in range(how.seeds)
            ]
            row = {"classes": whole.shape[1], "top_k": top_k, "temperature": temperature}
            print(*row.values(), accuracies, file=sys.stderr, flush=True)
            yield row | {"accuracies": accuracies}


def _accuracy(
    train: Samples, test: Samples, targets: Tensor, temperature: float, seed: int, how: Training
) -> float:
    torch.manual_seed(seed)
    of_photographs = train.chosen.shape[1] * train.images.shape[1]
    network = build_network("cnn", {"channels": list(how.channels)}, of_photographs, targets.shape[1])
    method = build_method("kd", {"temperature": temperature})
    optimizer = torch.optim.SGD(network.parameters(), 0.1, momentum=0.9, weight_decay=5e-4)
    steps = how.epochs * -(-len(train.labels) // BATCH)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for _ in range(how.epochs):
        for part in torch.randperm(len(train.labels)).split(BATCH):
            runs = (lambda images: Output(network(images))), (lambda *_, part=part: Output(targets[part]))
            batch = Batch(train.batch(part), train.labels[part], part, torch.zeros(()), False, *runs)
            optimizer.zero_grad()
            sum(method.losses(batch).values()).backward()
            optimizer.step()
            schedule.step()
    return _tested(network.eval(), test)


def _tested(network: nn.Module, test: Samples) -> float:
    with torch.inference_mode():
        right = [
            (network(test.batch(part)).argmax(1) == test.labels[part]).sum().item()
            for part in torch.arange(len(test.labels)).split(1000)
        ]
    return 100 * sum(right) / len(test.labels)
