"""An accuracy that others have published."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Published:
    """A test accuracy in per cent that others have published, and what it is of: a row of the table."""

    role: str  # see kd.roles
    name: str
    teacher: str  # of a distilled student: its name, or NO_TEACHER; of others empty
    method: str  # likewise
    accuracy: float
    source: str

    @property
    def row(self) -> tuple[str, str, str, str]:
        """What it is of."""
        return self.role, self.name, self.teacher, self.method
