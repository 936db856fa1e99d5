"""What the jobs of teachers that are not trained, and of cached teacher logits, are told."""

from typing import Any

from kd.jobs.base import Job


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


class LogitsTeacherJob(Job):
    """Take logits of the user's for a teacher; what counts is what their file holds, not where it is."""

    name: str
    sha256: str
    test: bool  # whether those of the test images are among them


class LogitsTargetsJob(Job):
    """Take of such logits all that runs of this seed and length will see."""

    sha256: str
    seed: int
    epochs: int


class TargetsJob(Job):
    """Store a teacher's logits for all that runs of this seed and length will see."""

    seed: int
    epochs: int
