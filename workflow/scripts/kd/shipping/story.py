"""What is known of a shipped student, from which its card is written."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kd.shipping.job import ExportJob


@dataclass(frozen=True)
class Story:
    """All that a card tells."""

    job: ExportJob
    runs: Sequence[Mapping[str, Any]]  # the metrics of the student's runs
    best: int  # the one that is shipped
    alone: Sequence[Mapping[str, Any]]  # of the same student, trained without a teacher
    found: Mapping[str, Any]  # verification.json
    data: Mapping[str, Any]  # the data set's card, summary.json

    @property
    def run(self) -> Mapping[str, Any]:
        """What is shipped."""
        return self.runs[self.best]
