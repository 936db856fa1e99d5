"""Published accuracies of what a study runs."""

from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

from kd.config.study.networks import NO_TEACHER
from kd.config.study.published import Published
from kd.config.study.study import Study
from kd.roles import BASELINE_ROW, DISTILLED_STUDENT, TEACHER, WITHOUT_TEACHER


def with_published(study: Study, cells: Sequence[Published]) -> Study:
    """The study with those of the published accuracies that are of rows of its table."""
    rows = {(TEACHER, name, "", "") for name in (*study.teachers, *study.untrained)}
    rows |= {(BASELINE_ROW, name, "", "") for name in study.students}
    for method in study.methods:
        rows |= {(DISTILLED_STUDENT, student, name, method) for name, student in study.pairs_of(method)}
    matched = tuple(cell for cell in cells if cell.row in rows)
    return replace(study, published=matched, unmatched=len(cells) - len(matched))


def cells_of(study: Study) -> list[dict[str, Any]]:
    """The published accuracies of a study as the script that builds its table reads them."""
    named = {NO_TEACHER: WITHOUT_TEACHER}
    return [asdict(cell) | {"teacher": named.get(cell.teacher, cell.teacher)} for cell in study.published]
