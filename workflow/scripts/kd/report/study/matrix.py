"""The table of a paper: methods × pairs, or, for one method, teachers × students."""

import math
from dataclasses import dataclass, field

from kd.report.study.pairs import Pair, Published

WITHOUT = "(no teacher)"
Value = tuple[float, float]  # mean and standard deviation of the accuracy


@dataclass(frozen=True)
class Matrix:
    """Accuracies by the names of rows and columns.

    `over` are rows that are not compared: what students start from. `published` has accuracies by others, by
    the names of rows and of columns; none are without a value.
    """

    corner: str
    columns: list[str]
    rows: dict[str, dict[str, Value]]
    over: dict[str, dict[str, Value]] = field(default_factory=dict)
    published: dict[str, dict[str, Published]] = field(default_factory=dict)

    def rank(self, name: str, column: str) -> int:
        """1 for the best of a column, 2 for the second; 0 for others, and without a comparison."""
        values = sorted({round(of[column][0], 2) for of in self.rows.values() if column in of}, reverse=True)
        several = sum(column in of for of in self.rows.values()) > 1
        if not several or column not in self.rows.get(name, {}):
            return 0
        place = values.index(round(self.rows[name][column][0], 2))
        return place + 1 if place < 2 else 0


def matrix_of(pairs: list[Pair]) -> Matrix | None:
    """Rows and columns are in the order of `pairs`; None without distilled students."""
    if not pairs:
        return None
    return _of_methods(pairs) if pairs[0].several_methods else _of_teachers(pairs)


def _of_methods(pairs: list[Pair]) -> Matrix:
    """A column for each pair, and above the methods the teacher's and the baseline's accuracy."""
    taught = [(pair.student, pair.teacher) for pair in pairs if pair.teacher]
    columns = {both: f"{both[1]} → {both[0]}" for both in taught}
    alone = [pair.student for pair in pairs if pair.student not in dict(taught)]
    columns |= {(student, ""): student for student in alone}
    rows: dict[str, dict[str, Value]] = {}
    published: dict[str, dict[str, Published]] = {}
    teacher, baseline = {}, {}
    for pair in pairs:
        # A student that needs no teacher stands beside all that have one.
        both = (pair.student, pair.teacher)
        fits = [both] if both in columns else [place for place in columns if place[0] == pair.student]
        for place in fits:
            rows.setdefault(pair.method, {})[columns[place]] = (pair.accuracy, pair.sd)
            baseline[columns[place]] = (pair.baseline, pair.baseline_sd)
            theirs = {pair.method: pair.published, "baseline": pair.published_baseline}
            if pair.teacher:
                teacher[columns[place]] = (pair.teacher_accuracy, math.nan)
                theirs["teacher"] = pair.published_teacher
            _add(published, theirs, columns[place])
    over = {name: line for name, line in {"teacher": teacher, "baseline": baseline}.items() if line}
    return Matrix("method", list(columns.values()), rows, over, published)


def _add(published: dict[str, dict[str, Published]], values: dict[str, Published], column: str) -> None:
    """Put the values that are known into the rows of their names."""
    for name, value in values.items():
        if not math.isnan(value.accuracy):
            published.setdefault(name, {})[column] = value


def _of_teachers(pairs: list[Pair]) -> Matrix:
    students = list(dict.fromkeys(pair.student for pair in pairs))
    rows: dict[str, dict[str, Value]] = {}
    published: dict[str, dict[str, Published]] = {}
    for pair in sorted(pairs, key=lambda pair: -pair.teacher_accuracy):
        known = not math.isnan(pair.teacher_accuracy)
        name = f"{pair.teacher or WITHOUT}{f' ({pair.teacher_accuracy:.2f})' if known else ''}"
        rows.setdefault(name, {})[pair.student] = (pair.accuracy, pair.sd)
        _add(published, {name: pair.published, "baseline": pair.published_baseline}, pair.student)
    baseline = {pair.student: (pair.baseline, pair.baseline_sd) for pair in pairs}
    return Matrix("teacher (accuracy)", students, rows, {"baseline": baseline}, published)
