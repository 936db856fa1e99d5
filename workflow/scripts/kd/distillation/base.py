"""The contract between distillation methods and the engine: what a method knows, may own, and returns.

A method is a file of methods/ with a class `Method(Distillation)`. The engine calls `prepare` once, before
the optimizer is made, `losses` in every step (as `effective_losses`), and `deployed` at the end; nothing
else. It knows no method, and a method knows neither optimizer, schedule nor data set.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, dataclass_transform

from torch import Tensor, nn

from kd.distillation.batch import Batch
from kd.distillation.inside import blank, stages_once
from kd.errors import UserError

Shape = tuple[int, int, int]  # channels, height, width of a stage's feature maps


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
    # Of each term that an option weighs which may be 0: its name, and the option's.
    WEIGHTS: tuple[tuple[str, str], ...] = ()
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

    def effective_losses(self, batch: Batch) -> dict[str, Tensor]:
        """`losses` without the terms that WEIGHTS names and whose weight is 0.

        They would change nothing but stand as 0 in the history, where a 0 is the sign of a method that
        teaches nothing. In preliminary epochs, which have one term, it stays.
        """
        terms = self.losses(batch)
        if batch.preliminary:
            return terms
        off = {term for term, option in self.WEIGHTS if not getattr(self, option)}
        return {name: term for name, term in terms.items() if name not in off}


def _stage_shapes(network: nn.Module | None, image: Shape, whose: str) -> list[Shape]:
    none = f"this method compares feature maps, and the {whose} has none that could be"
    if not hasattr(network, "forward_stages"):
        raise UserError(f"{none} (an ensemble?)")
    stages = stages_once(network, blank(network, image))
    if not stages:
        raise UserError(f"{none}: it cuts images into tokens, and their places are not known")
    return [tuple(stage.shape[1:]) for stage in stages]
