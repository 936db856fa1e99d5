"""What is known of a shipped student, from which its card is written."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kd.jobs.export import ExportJob


def choose(runs: Sequence[Mapping[str, Any]]) -> int:
    """Which of the runs has the best last weights by validation: accuracy, then loss, then the first."""
    return min(
        range(len(runs)),
        key=lambda place: (-runs[place]["validation_accuracy"], runs[place]["validation_loss"], place),
    )


@dataclass(frozen=True)
class CardFacts:
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

    @property
    def project(self) -> str:
        """Whose code made it: the name, and the commit where it is known."""
        commit, changed = self.run["commit"].removesuffix("+"), self.run["commit"].endswith("+")
        at = "" if commit == "unknown" else f" at commit {commit}"
        return f"kd-workflow{at}{' (changed since)' * changed}"
