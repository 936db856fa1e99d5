"""The configuration of a training."""

from typing import Any

from pydantic import field_serializer

from kd.jobs.base import Augmentation, Job, title
from kd.roles import DISTILLED, TRIAL
from kd.settings.recipe import Recipe


class TrainJob(Job):
    """Train one network: a teacher, a baseline, or a distilled student."""

    role: str
    name: str
    teacher: str | None = None  # of a distilled student; WITHOUT_TEACHER where its method needs none
    weights: tuple[float, ...] = (1.0,)  # of the teacher's networks, where it is made of several
    method_name: str | None = None  # as the study calls it
    architecture: str
    options: dict[str, Any]
    recipe: Recipe
    methods: list[tuple[str, dict[str, Any]]]  # as the code calls them, with their options; they add up
    seed: int
    augmentation: Augmentation
    draw: int = 0  # of the first weights: networks of a chain that are alike begin with others

    @field_serializer("recipe")
    def _kept(self, recipe: Recipe) -> dict[str, Any]:
        """Newer keys are left out where they are at their defaults, so that the text of older jobs stays."""
        return recipe.kept()

    @property
    def label(self) -> str:
        """How a run is called in the log, where several runs write at once."""
        if self.role == DISTILLED:
            return f"[{self.teacher} -> {self.name}, {self.method_name}, seed {self.seed}]"
        if self.role == TRIAL:
            return f"[{self.teacher} -> {self.name}, trial of {self.method_name}, seed {self.seed}]"
        return f"[{self.name} {title(self.role)}, seed {self.seed}]"

    @property
    def epochs(self) -> int:
        """All epochs: the init_epochs of its methods, and those of the recipe."""
        return self.recipe.epochs + max(options.get("init_epochs", 0) for _, options in self.methods)
