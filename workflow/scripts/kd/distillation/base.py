"""The contract between distillation methods and the engine: what a method gets, may own, and returns.

A method is a file of methods/ with a class `Method(Distillation)`. The engine calls `prepare` once, before
the optimizer is made, `losses` in every step, and `deployed` at the end; nothing else. It knows no method,
and a method knows neither optimizer, schedule nor data set.
"""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, dataclass_transform

import torch
from torch import Tensor, nn
from torch.nn import functional

from kd.distillation.inside import blank, stages_once
from kd.errors import UserError

Shape = tuple[int, int, int]  # channels, height, width of a stage's feature maps


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


@dataclass(frozen=True)
class Context:
    """What is known before the first step. The networks are those of the run: `student` may be changed."""

    student: nn.Module
    teacher: nn.Module | None  # None where nothing but cached logits is needed
    image: Shape
    classes: int
    labels: Tensor  # (N,) int64, of every training sample in order
    epochs: int  # of the recipe
    members: int = 1  # networks that the teacher is made of
    batch_size: int = 0  # images in a step; the last one of an epoch may have one more
    # Builds a network of the teacher's architecture anew, with first weights, on its device, in train mode.
    new_teacher: Callable[[], nn.Module] | None = None
    # The teacher's of every training sample as the first epoch shows it, (N, classes) float32: computed, or
    # read from the cache, in each call. None where there is no teacher.
    teacher_logits: Callable[[], Tensor] | None = None

    @cached_property
    def student_stages(self) -> list[Shape]:
        """Shape of the student's feature maps, stage by stage."""
        return _stage_shapes(self.student, self.image, "student")

    @cached_property
    def teacher_stages(self) -> list[Shape]:
        """Shape of the teacher's feature maps, stage by stage; UserError if it has none, as an ensemble."""
        return _stage_shapes(self.teacher, self.image, "teacher")


@dataclass_transform(kw_only_default=True, eq_default=False)
class Distillation(nn.Module):
    """What every method is. Its own parameters and buffers are trained, moved and resumed with the student.

    Its options are the annotated names of its class, which become the keyword-only arguments of `__init__`.
    `NEEDS`, a literal in the class, names what it uses: "logits" and "stages" (feature maps) of the teacher,
    "members" (the logits of each network of an ensemble), "network" (the teacher itself), "own_stages" (the
    student's feature maps). Without one of the first four it has no teacher.
    """

    NEEDS: tuple[str, ...] = ()
    CHANGES_STUDENT = False  # whether `prepare` gives the student other layers
    MERGES_CHANGES = False  # whether `deployed` merges these into the student's own
    # What `batch.companions` are: of the same class ("class"), or of the batch before ("previous").
    COMPANIONS: str | None = None
    REMEMBERS_SAMPLES = False  # whether its buffers are of single samples: then one process has all of them
    # Epochs before the recipe's, with a loss of their own: option init_epochs.
    preliminary: int = 0
    # Their learning rate: option init_lr. None: that of the recipe after warm-up.
    preliminary_lr: float | None = None
    # Whether the teacher's batch norms go by the batch at hand, as in train mode; what they learnt stays.
    batch_statistics: bool = False

    def __init_subclass__(cls) -> None:
        if "__init__" not in vars(cls):  # which would name its options itself
            dataclass(cls, kw_only=True, eq=False, repr=False)

    def __post_init__(self) -> None:
        Distillation.__init__(self)
        self.preliminary = vars(self).get("init_epochs", 0)
        self.preliminary_lr = vars(self).get("init_lr")

    def __init__(self) -> None:
        super().__init__()
        # What `prepare` did to the student's layers: by the method's name in the registry, the facts, as JSON
        # has them, from which `change` does it again. They stand in the student's file.
        self.changes: dict[str, dict[str, Any]] = {}

    def describe(self) -> str:
        """The loss as the table names it."""
        raise NotImplementedError

    @property
    def softened_at(self) -> float:
        """The temperature at which it compares logits: its option of that name, or else 1.

        With `targets.top_k` the classes of which no logit is stored have the right probability in all at this
        one.
        """
        return float(vars(self).get("temperature", 1.0))

    def prepare(self, context: Context) -> None:
        """Make what depends on the networks' shapes; called once. UserError for a pair that cannot be.

        Unless a method has its own: makes sure that both networks have feature maps, if NEEDS names them.
        """
        if "stages" in self.NEEDS:
            _ = context.teacher_stages, context.student_stages

    @staticmethod
    def change(student: nn.Module, facts: dict[str, Any]) -> None:
        """Give a newly built student the layers that `prepare` gave it, for its weights to be loaded into."""
        raise NotImplementedError

    def deployed(self, student: nn.Module) -> nn.Module:
        """The network that is evaluated at the end and saved, of the student as it was trained.

        Unless a method has its own: the student itself. Another one computes the same logits in eval mode, up
        to rounding. It may share layers with the student, which stays as it is: it is called again for the
        weights of the epoch that validation chose.
        """
        return student

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """Terms () float32 whose sum is minimised, by name; the cross-entropy with the labels is "ce".

        In preliminary epochs what is to be learnt then. Nothing may be read back to the host.
        """
        raise NotImplementedError


def _stage_shapes(network: nn.Module | None, image: Shape, whose: str) -> list[Shape]:
    none = f"this method compares feature maps, and the {whose} has none that could be"
    if not hasattr(network, "forward_stages"):
        raise UserError(f"{none} (an ensemble?)")
    stages = stages_once(network, blank(network, image))
    if not stages:
        raise UserError(f"{none}: it cuts images into tokens, and their places are not known")
    return [tuple(stage.shape[1:]) for stage in stages]
