"""The distilled students of a study, each with its baseline, teacher and costs."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from kd.report.study.sources import Key, Study
from kd.results.latency import ONNX, PYTORCH
from kd.results.table_csv import KEY, key_of
from kd.roles import BASELINE_ROW, DISTILLED_STUDENT, TEACHER, WITHOUT_TEACHER


@dataclass(frozen=True)
class Published:
    """A test accuracy by others in per cent, and how far ours is from it in points; NaN: not known."""

    accuracy: float = math.nan
    difference: float = math.nan  # ours minus theirs
    half_width: float = math.nan  # of its 95 % interval
    within: str = ""  # kd.results.published


@dataclass(frozen=True)
class Pair:
    """A student distilled from a teacher by a method: means over its seeds.

    Accuracies, agreement and ECE are in per cent, gains in points, times in milliseconds; NaN: not known.
    """

    key: Key
    several_methods: bool  # whether a name needs the method
    accuracy: float
    sd: float
    gain: float
    half_width: float  # of the gain's 95 % interval
    baseline: float
    baseline_sd: float
    teacher_accuracy: float
    agreement: float
    ece: float
    parameters: float
    size: float  # bytes
    times: Mapping[str, float]  # by runtime
    seeds: tuple[tuple[int, float, float], ...]  # seed, accuracy, accuracy of the baseline
    published: Published = Published()
    published_baseline: Published = Published()
    published_teacher: Published = Published()

    @property
    def student(self) -> str:
        """The student's name."""
        return self.key[1]

    @property
    def teacher(self) -> str:
        """The teacher's name, empty where the method needs none."""
        return "" if self.key[2] == WITHOUT_TEACHER else self.key[2]

    @property
    def method(self) -> str:
        """The method's name in the study."""
        return self.key[3]

    @property
    def name(self) -> str:
        """`cnn ← densenet`, with `(dkd)` where the study has several methods."""
        taught = f"{self.student} ← {self.teacher}" if self.teacher else self.student
        return f"{taught} ({self.method})" if self.several_methods or not self.teacher else taught

    @property
    def significant(self) -> bool:
        """Whether the interval of the gain excludes 0."""
        return abs(self.gain) > self.half_width


def pairs_of(table: pd.DataFrame, study: Study) -> list[Pair]:
    """All distilled students, in the order of the table."""
    rows = table[table["role"] == DISTILLED_STUDENT]
    known = table.set_index(KEY)
    several = rows["method"].nunique() > 1
    return [_pair(row, known, study, several) for row in rows.itertuples()]


def by_accuracy(pairs: list[Pair]) -> list[Pair]:
    """The most accurate first."""
    return sorted(pairs, key=lambda pair: -pair.accuracy)


def _pair(row: Any, known: pd.DataFrame, study: Study, several: bool) -> Pair:
    key, baseline = key_of(row), (BASELINE_ROW, row.name, "", "")
    teacher = (TEACHER, row.teacher, "", "")
    theirs = {"": key, "_baseline": baseline, "_teacher": teacher}
    accuracy = known["test_accuracy"]
    return Pair(
        key=key,
        several_methods=several,
        accuracy=row.test_accuracy,
        sd=row.test_accuracy_std,
        gain=row.gain,
        half_width=row.gain_ci95,
        baseline=row.test_accuracy - row.gain,
        baseline_sd=known["test_accuracy_std"].get(baseline, math.nan),
        teacher_accuracy=accuracy.get(teacher, math.nan),
        agreement=row.agreement,
        ece=row.ece,
        parameters=math.nan if pd.isna(row.parameters) else float(row.parameters),
        size=study.size(key),
        times={runtime: study.time(key, runtime) for runtime in (ONNX, PYTORCH)},
        seeds=_seeds(key, study),
        **{f"published{whose}": _published(known, row_key) for whose, row_key in theirs.items()},
    )


def _published(known: pd.DataFrame, key: Key) -> Published:
    if "published" not in known or key not in known.index:
        return Published()
    columns = ["published", "published_difference", "published_ci95", "published_within"]
    return Published(*known.loc[key, columns])


def _seeds(key: Key, study: Study) -> tuple[tuple[int, float, float], ...]:
    alone = study.accuracies((BASELINE_ROW, key[1], "", ""))
    return tuple((seed, value, alone.get(seed, math.nan)) for seed, value in study.accuracies(key).items())


def runtime_of(pairs: list[Pair]) -> str:
    """The runtime whose latency is shown: ONNX, or PyTorch where no student has been timed in that."""
    return ONNX if any(not math.isnan(pair.times[ONNX]) for pair in pairs) else PYTORCH
