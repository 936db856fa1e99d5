"""The model card of an exported student: README.md as the Hugging Face Hub shows it, from card.md.jinja."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
import pandas as pd

from kd.export.card.front_matter import front_matter
from kd.export.card.papers import about_method, paper_of
from kd.export.session import IR_VERSION, OLDEST, OPSET
from kd.export.verification import USEFUL
from kd.jobs.export import ExportJob
from kd.results.data_card import data_lines
from kd.results.format import count, number, percent, quantity, size, with_interval
from kd.results.markdown import bullets, plain
from kd.results.table import cell_row
from kd.settings.recipe import Recipe

TEMPLATE = Path(__file__).with_name("card.md.jinja")


@dataclass(frozen=True)
class CardFacts:
    """All that is known of an exported student."""

    job: ExportJob
    runs: Sequence[Mapping[str, Any]]  # the metrics of the student's runs, which differ in the seed alone
    best: int  # place in `runs` of the one that is exported
    baselines: Sequence[Mapping[str, Any]]  # metrics of the same student, trained without a teacher
    verification: Mapping[str, Any]  # verification.json
    data: Mapping[str, Any]  # the data set's card, summary.json

    @property
    def run(self) -> Mapping[str, Any]:
        """The metrics of the run that is exported."""
        return self.runs[self.best]

    @property
    def project(self) -> str:
        """Whose code made it: the name, and the commit where it is known."""
        commit, changed = self.run["commit"].removesuffix("+"), self.run["commit"].endswith("+")
        at = "" if commit == "unknown" else f" at commit {commit}"
        return f"kd-workflow{at}{' (changed since)' * changed}"

    @property
    def gain(self) -> str:
        """The gain over the baseline, as the table of the study has it."""
        row = cell_row(self.runs, self.baselines)
        return with_interval(row["gain"], row["gain_ci95"])


def choose(runs: Sequence[Mapping[str, Any]]) -> int:
    """Place of the run with the best last weights by validation: accuracy, then loss, then the first.

    Without a validation split it is the first: the test set selects nothing.
    """
    if not validated(runs):
        return 0
    quality = [(-run["validation_accuracy"], run["validation_loss"]) for run in runs]
    return quality.index(min(quality))


def validated(runs: Sequence[Mapping[str, Any]]) -> bool:
    """Whether the study has a validation split."""
    return all(run["validation_accuracy"] is not None for run in runs)


def card_of(facts: CardFacts, teacher: Mapping[str, Any] | None) -> str:
    """The card as Markdown; `teacher` has the metrics of the teacher, where there is one."""
    options = {"undefined": jinja2.StrictUndefined, "trim_blocks": True, "lstrip_blocks": True}
    loader = jinja2.FileSystemLoader(TEMPLATE.parent)
    environment = jinja2.Environment(loader=loader, keep_trailing_newline=True, **options)
    formats = (bullets, count, mean_accuracy, number, percent, plain, quantity, size, used_recipe)
    environment.filters |= {function.__name__: function for function in formats}
    return environment.get_template(TEMPLATE.name).render(
        facts=facts,
        teacher=teacher,
        head=front_matter(facts.job, facts.run),
        useful=USEFUL,
        validated=validated(facts.runs),
        calibrated=facts.verification["calibrated"],
        oldest=OLDEST,
        ir_version=IR_VERSION,
        opset=OPSET,
        data_lines=data_lines,
        about_method=about_method,
        paper_of=paper_of,
    )


def mean_accuracy(runs: Sequence[Mapping[str, Any]]) -> str:
    """Mean test accuracy in per cent, with its standard deviation where there are several runs."""
    accuracies = pd.Series([run["test_accuracy"] for run in runs])
    spread = f" (sd {accuracies.std(ddof=1):.2f})" if len(runs) > 1 else ""
    return f"{percent(accuracies.mean())}{spread}"


def used_recipe(recipe: Recipe) -> dict[str, Any]:
    """The keys of a recipe that its optimizer and schedule use, newer ones where they are set."""
    kept = recipe.kept()
    return {key: value for key, value in recipe.applicable().items() if key in kept}
