"""What the jobs that look at networks are told: at which, over which seeds, and what is wanted."""

from kd.jobs.base import Job


class ComparisonJob(Job):
    """Run the students of a teacher and method, of all seeds, beside what they were taught by."""

    name: str
    teacher: str
    method: str
    seeds: list[int]

    @property
    def label(self) -> str:
        """How it is called in the log, where several jobs write at once."""
        return f"[{self.teacher} -> {self.name}, {self.method}]"


class DiagnosisJob(Job):
    """Look closely at a teacher, a student alone, or a student of a teacher and method: all its seeds."""

    role: str
    name: str
    teacher: str | None = None  # "(none)" of a method that needs none
    method: str | None = None
    seeds: list[int | None]  # None of a teacher that was not trained here
    temperatures: list[float]
    worst: int

    @property
    def label(self) -> str:
        """How a cell is called in the log, where several jobs write at once."""
        if self.role == "distilled":
            return f"[{self.teacher} -> {self.name}, {self.method}]"
        return f"[{self.name} {self.role}]"
