"""The configuration of jobs of teachers that are not trained here, and of the logits that students read."""

from typing import Any

from pydantic import SerializerFunctionWrapHandler, model_serializer

from kd.jobs.base import Job


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


class LogitsTeacherJob(Job):
    """A teacher with the user's logits; what counts is the content of their file, not its place."""

    name: str
    sha256: str
    test: bool  # whether those of the test images are among them


class TargetsJob(Job):
    """The logits of a teacher for everything that students of this seed and length see."""

    seed: int
    epochs: int
    top_k: int | None = None  # how many of each image, the largest; None for all

    @model_serializer(mode="wrap")
    def _without_default(self, serialize: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Where all logits are stored the text is that of before there was a choice."""
        return {
            name: value for name, value in serialize(self).items() if name != "top_k" or value is not None
        }


class LogitsTargetsJob(TargetsJob):
    """The same, of the user's logits."""

    sha256: str
