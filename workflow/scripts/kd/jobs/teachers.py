"""The configuration of jobs of teachers that are not trained here, and of the logits that students read."""

from typing import Annotated, Any

from pydantic import Field

from kd.jobs.base import Augmentation, Job

Statistic = Annotated[list[float], Field(default_factory=list)]


class EnsembleJob(Job):
    """Several teachers as one: the mean of their logits."""

    name: str
    members: list[str]
    weights: list[float]


class ExternalJob(Job):
    """A teacher with the user's weights; what counts is the content of their file, not its place."""

    name: str
    architecture: str
    options: dict[str, Any]
    sha256: str
    mean: Statistic  # per channel, that it was trained with; empty: those of the data set
    std: Statistic


class LogitsTeacherJob(Job):
    """A teacher with the user's logits; what counts is the content of their file, not its place."""

    name: str
    sha256: str
    test: bool  # whether those of the test images are among them
    augmentation: Augmentation


class TargetsJob(Job):
    """The logits of a teacher for everything that students of this seed and length see."""

    seed: int
    epochs: int
    augmentation: Augmentation
    top_k: int | None = None  # how many of each image, the largest; None for all


class LogitsTargetsJob(TargetsJob):
    """The same, of the user's logits."""

    sha256: str
