"""The configuration of the jobs that compare and diagnose networks: which, and over which seeds."""

from kd.jobs.base import Job, title
from kd.roles import DISTILLED


class ComparisonJob(Job):
    """Run the students of a teacher and method, of all seeds, beside their teacher."""

    name: str
    teacher: str
    method: str
    seeds: list[int]

    @property
    def label(self) -> str:
        """How it is called in the log, where several jobs write at once."""
        return f"[{self.teacher} -> {self.name}, {self.method}]"


class DiagnosisJob(Job):
    """Diagnose a teacher, a baseline, or a student of a teacher and method over all its seeds."""

    role: str
    name: str
    teacher: str | None = None  # WITHOUT_TEACHER where the method needs none
    method: str | None = None
    seeds: list[int | None]  # None of a teacher that was not trained here
    temperatures: list[float]
    worst: int
    target_accuracy: float = 0.99

    @property
    def label(self) -> str:
        """How the network is called in the log, where several jobs write at once."""
        if self.role == DISTILLED:
            return f"[{self.teacher} -> {self.name}, {self.method}]"
        return f"[{self.name} {title(self.role)}]"
