"""What the jobs are told: each carries exactly its own configuration, as one JSON text."""

import json
from typing import Any

from pydantic import BaseModel, ConfigDict

from kd.roles import DISTILLED, TRIAL
from kd.settings.recipe import Recipe


class Job(BaseModel):
    """A job's whole configuration."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    def to_json(self) -> str:
        """One text with sorted keys, so that any change of a value, and nothing else, changes it."""
        return json.dumps(self.model_dump(mode="json"), sort_keys=True)


class DataJob(Job):
    """Turn raw images into the splits of a study."""

    name: str
    options: dict[str, Any]
    validation: float
    split_seed: int
    pad: int
    flip: bool
    area: tuple[float, float] | None = None  # of crops that are resized
    files: dict[str, str]  # name -> SHA-256 of what was downloaded
    shards: str = "auto"
    listing: str | None = None  # digest of a watched folder, instead of the option that says where it is
    gathered: str | None = None  # digest of a GatherJob, instead of its options


class GatherJob(Job):
    """Choose images, fetch them and pack them."""

    name: str
    options: dict[str, Any]


class TrainJob(Job):
    """Train one network: a teacher, a student alone, or a distilled student."""

    role: str
    name: str
    teacher: str | None = None  # of a distilled student; UNTAUGHT where its method needs none
    weights: list[float] = [1.0]  # of the teacher's networks, where it is made of several
    method_name: str | None = None  # as the study calls it
    architecture: str
    options: dict[str, Any]
    recipe: Recipe
    methods: list[tuple[str, dict[str, Any]]]  # as the code calls them, with their options; they add up
    seed: int
    draw: int = 0  # of the first weights, by which networks of a chain that are alike begin unlike

    @property
    def label(self) -> str:
        """How a run is called in the log, where several runs write at once."""
        if self.role == DISTILLED:
            return f"[{self.teacher} -> {self.name}, {self.method_name}, seed {self.seed}]"
        if self.role == TRIAL:
            return f"[{self.teacher} -> {self.name}, trial of {self.method_name}, seed {self.seed}]"
        return f"[{self.name} {self.role}, seed {self.seed}]"

    @property
    def epochs(self) -> int:
        """All that it trains for: what methods call init_epochs goes before the recipe's."""
        return self.recipe.epochs + max(options.get("init_epochs", 0) for _, options in self.methods)


class EnsembleJob(Job):
    """Several teachers as one."""

    name: str
    members: list[str]
    weights: list[float]


class ExternalJob(Job):
    """Take weights of the user's for a teacher; what counts is what their file holds, not where it is."""

    name: str
    architecture: str
    options: dict[str, Any]
    sha256: str


class StoredJob(Job):
    """Take logits of the user's for a teacher; what counts is what their file holds, not where it is."""

    name: str
    sha256: str
    test: bool  # whether those of the test images are among them


class StoredTargetsJob(Job):
    """Take of such logits all that runs of this seed and length will see."""

    sha256: str
    seed: int
    epochs: int


class TargetsJob(Job):
    """Store a teacher's logits for all that runs of this seed and length will see."""

    seed: int
    epochs: int
