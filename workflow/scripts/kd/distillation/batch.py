"""What a method gets in every step: the outputs of both networks for a batch, and its labels."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

# Logits, stages, and what else has a name.
Outputs = tuple[Tensor, tuple[Tensor, ...], dict[str, Any]]


@dataclass(frozen=True)
class Output:
    """A network's outputs for a batch of B images."""

    logits: Tensor  # (B, classes) float32
    stages: tuple[Tensor, ...] = ()  # every stage's feature maps (B, C_i, H_i, W_i) float32, if needed
    members: tuple[Tensor, ...] = ()  # of an ensemble, the logits (B, classes) float32 of each network
    # Of a network that cuts images into tokens: of every stage those called "class" and "distillation"
    # (B, C_i), where it has them, and what its classifier reads (B, C).
    tokens: tuple[Mapping[str, Tensor], ...] = ()
    read: Tensor | None = None
    # Of one with a classifier on each of both tokens, their logits (B, classes), whose mean `logits` is.
    heads: Mapping[str, Tensor] = field(default_factory=dict)

    @property
    def features(self) -> Tensor:
        """The last features (B, C): what the classifier reads, the means of the last maps unless `read`."""
        return self.stages[-1].mean(dim=(2, 3)) if self.read is None else self.read

    def first(self, count: int) -> "Output":
        """Those of the first `count` images."""
        stages, members = (tuple(part[:count] for part in parts) for parts in (self.stages, self.members))
        tokens = tuple(_first(named, count) for named in self.tokens)
        read = None if self.read is None else self.read[:count]
        return Output(self.logits[:count], stages, members, tokens, read, _first(self.heads, count))


def _first(named: Mapping[str, Tensor], count: int) -> dict[str, Tensor]:
    return {name: tensor[:count] for name, tensor in named.items()}


@dataclass(frozen=True)
class Companions:
    """Of each of B samples another one, in a view of its own; no teacher's logits of it are cached."""

    images: Tensor  # (B, C, H, W) float32, normalised
    labels: Tensor  # (B,) int64
    indices: Tensor  # (B,) int64, the samples' numbers in the training split


@dataclass(eq=False)
class Batch:
    """One batch of B samples as a method sees it. A network runs when its output is first read, and once."""

    images: Tensor  # (B, C, H, W) float32, normalised: the very views that both networks see
    labels: Tensor  # (B,) int64; of mixed images, that of the larger share
    indices: Tensor  # (B,) int64, the samples' numbers in the training split
    epoch: Tensor  # () float32, epochs done; a tensor, for a replayed step would repeat a number
    preliminary: bool  # whether the recipe's epochs have not yet begun
    run_student: Callable[[Tensor], Output]
    run_teacher: Callable[[Tensor, Tensor], Output] | None = None
    # The context, with its precision, that both networks run in: for a whole network that a method owns.
    autocast: Callable[[], AbstractContextManager] = nullcontext
    # Of logits (B, C) and labels (B,), or their probabilities (B, C): a scalar, in nats. The recipe may
    # smooth labels or weigh classes.
    label_loss: Callable[..., Tensor] = functional.cross_entropy
    # Of mixed images, the other labels (B,) int64, and the share (B,) float32 of `labels`, at least a half.
    mixture: tuple[Tensor, Tensor] | None = None
    companions: Companions | None = None  # where the method's COMPANIONS asks for them

    def grown(self, epochs: float) -> Tensor:
        """The share () of a weight that rises linearly to 1 in so many epochs, counted from 1."""
        return ((self.epoch + 1) / epochs).clamp(max=1)

    def cross_entropy(self, logits: Tensor, **options: float) -> Tensor:
        """Of logits (B, C) with the labels of the batch, as the recipe sets it: a scalar, in nats.

        Of mixed images share · CE(y) + (1 − share) · CE(y'): Zhang et al. 2017 (arXiv:1710.09412).
        `options` of torch's function go before the recipe's.
        """
        labels = self.labels if self.mixture is None else self._shares(logits)
        return self.label_loss(logits, labels, **options)

    def _shares(self, logits: Tensor) -> Tensor:
        """The labels of mixed images as probabilities (B, C)."""
        classes = torch.arange(logits.shape[1], device=logits.device)
        others, share = self.mixture
        first, second = (labels[:, None] == classes for labels in (self.labels, others))
        return share[:, None] * first + (1 - share)[:, None] * second

    @cached_property
    def student(self) -> Output:
        """The outputs of the network that learns, in train mode and with gradients."""
        return self.run_student(self.images)

    @cached_property
    def teacher(self) -> Output:
        """The teacher's, cached or computed on the spot, without gradients."""
        if self.run_teacher is None:
            raise TypeError("this method asks for a teacher that its NEEDS do not name")
        return self.run_teacher(self.images, self.indices)

    def student_on(self, images: Tensor) -> Output:
        """The student's for `images` (M, C, H, W), the first B of which are the batch's own.

        For methods that show more views than the batch has. One run, of which `student` is then the first B;
        if the student has already run, for another method of a sum, it runs twice in this step.
        """
        output = self.run_student(images)
        self.student = output.first(len(self.labels))
        return output

    def teacher_on(self, images: Tensor) -> Output:
        """The teacher's for such images, whole rounds of the batch: it has to be one that runs.

        Of cached logits there are none of other views, so NEEDS has "stages" or "network". `teacher` is then
        the first B.
        """
        if self.run_teacher is None:
            raise TypeError("this method asks for a teacher that its NEEDS do not name")
        output = self.run_teacher(images, self.indices.repeat(len(images) // len(self.labels)))
        self.teacher = output.first(len(self.labels))
        return output


def outputs_of(network: nn.Module, images: Tensor) -> Outputs:
    """All that a network puts out for images (B, C, H, W), in types that a compiled network may return."""
    if hasattr(network, "forward_named"):  # of a library, with tokens perhaps
        stages, logits, named = network.forward_named(images)
    else:
        (stages, logits), named = network.forward_stages(images), {}
    return logits, tuple(stages), named


def as_output(logits: Tensor, stages: tuple[Tensor, ...], named: Mapping[str, Any]) -> Output:
    """The same as an `Output`, in float32."""
    tokens = tuple(_floats(stage) for stage in named.get("tokens", ()))
    heads, read = _floats(named.get("heads", {})), named.get("read")
    floats = tuple(stage.float() for stage in stages)
    return Output(
        logits.float(), floats, tokens=tokens, heads=heads, read=None if read is None else read.float()
    )


def float32_at_least(tensor: Tensor) -> Tensor:
    """In float32, what was computed in a lower precision; float64 stays as it is."""
    return tensor if tensor.dtype == torch.float64 else tensor.float()


def _floats(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor.float() for name, tensor in tensors.items()}
