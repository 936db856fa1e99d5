"""What to check before a result is used: weak teachers, classes that lose, too few seeds."""

import math
import statistics

import pandas as pd
from markupsafe import Markup, escape

from kd.report.study.pairs import Pair
from kd.report.study.sources import Study
from kd.results.format import percent, with_interval
from kd.results.ranking import some
from kd.results.significance import seeds_to_resolve, t_half_width, typical_deviation
from kd.results.text.provenance import provenance

LOST = 5.0  # points that a class loses with one seed, from which on it is said
FEW = 10  # test images of a class, below which its accuracy is mostly chance


def checks(pairs: list[Pair], unresolved: bool, study: Study) -> list[Markup]:
    """A sentence for each; `unresolved`: candidates differ from the best by no significant amount."""
    best = {pair.key: pair for pair in (pairs[:1] + sorted(pairs, key=lambda pair: -pair.gain)[:1])}
    sentences = [*map(escape, weak_teachers(pairs))]
    sentences += [line for pair in best.values() for line in _lost_class(pair, study)]
    sentences += [*map(escape, alarms(study))]
    sentences += [escape(line) for line in [few_seeds(pairs, unresolved)] if line]
    if warning := provenance(study.runs).get("warning"):
        sentences.append(escape(f"{warning[:1].upper()}{warning[1:]}."))
    return sentences


def alarms(study: Study) -> list[str]:
    """What trainings have said of their loss terms and of the agreement with their teachers, by method."""
    cells = [(cell.key, [run.metrics for run in cell.runs if run.metrics.alarms]) for cell in study.cells]
    sentences: dict[str, list[str]] = {}
    for (_, name, teacher, method), runs in cells:
        if runs:
            pair = f"{name} from {teacher}" if teacher else name
            text = f"{runs[0].alarms[0]} (seed {runs[0].seed})"
            sentences.setdefault(method, []).append(f"{pair}, {method}: {text}")
    return [
        f"{lines[0]}." if len(lines) == 1 else f"{lines[0]}, and the like of {len(lines) - 1} more pairs."
        for lines in sentences.values()
    ]


def weak_teachers(pairs: list[Pair]) -> list[str]:
    """Teachers that are less accurate than the baseline of a student that they teach."""
    weak: dict[str, list[Pair]] = {}
    for pair in pairs:
        if pair.teacher and pair.teacher_accuracy < pair.baseline:
            weak.setdefault(pair.teacher, []).append(pair)
    if len(weak) > 2:
        return [
            f"{len(weak)} teachers are less accurate than a baseline that they teach: {some(list(weak))}."
        ]
    return [_weak(name, taught) for name, taught in weak.items()]


def _weak(name: str, taught: list[Pair]) -> str:
    baselines = {pair.student: pair.baseline for pair in taught}
    students = [f"{student} ({percent(accuracy)})" for student, accuracy in sorted(baselines.items())]
    its = percent(taught[0].teacher_accuracy)
    return f"Teacher {name} ({its}) is less accurate than the baseline of {some(students)}."


def few_seeds(pairs: list[Pair], unresolved: bool) -> str:
    """How many seeds would resolve a difference of one point, where these do not rank the pairs."""
    seeds = min((len(pair.seeds) for pair in pairs), default=0)
    if seeds == 1:
        return "One seed: no confidence interval and no ranking. Four seeds or more give both."
    needed = seeds_needed(pairs)
    if not unresolved or not needed or needed <= seeds:
        return ""
    return (
        f"{seeds} seeds are too few to rank. About {needed} would resolve a difference of 1 point"
        " (80 % power, one paired comparison)."
    )


def seeds_needed(pairs: list[Pair]) -> int:
    """By the typical spread of the differences between candidates of one student; 0: not known."""
    deviations = []
    for student in {pair.student for pair in pairs}:
        columns = {
            pair.key: {seed: value for seed, value, _ in pair.seeds}
            for pair in pairs
            if pair.student == student
        }
        deviations.append(typical_deviation(pd.DataFrame(columns)))
    known = [value for value in deviations if not math.isnan(value)]
    return seeds_to_resolve(statistics.median(known)) if known else 0


def _lost_class(pair: Pair, study: Study) -> list[Markup]:
    """The class that loses most accuracy by distillation: significantly, or of one seed very much."""
    cell = study.by_key[pair.key]
    runs = [run.diagnosis for run in cell.runs if run.diagnosis and run.diagnosis["class_gain"]]
    losses = []
    for place, name in enumerate(cell.classes if runs else ()):
        gains = pd.Series([run["class_gain"][place] for run in runs], dtype=float)
        if gains.isna().any() or min(_images(run, place) for run in runs) < FEW:
            continue
        mean, half = gains.mean(), t_half_width(gains)
        if mean < -half if len(gains) > 1 else mean <= -LOST:
            losses.append((mean, half, name))
    if not losses:
        return []
    mean, half, name = min(losses)
    called = f"class {name}" if name.isdecimal() else name
    others = (
        f" {len(losses) - 1} more classes lose."
        if len(losses) > 2
        else " Another class loses." * (len(losses) - 1)
    )
    text = f" loses accuracy on {called}: {with_interval(mean, half, 1)} points.{others}"
    return [study.analysed(pair.name, pair.key) + text]


def _images(run: dict, place: int) -> float:
    """Test images of a class; unknown, and so enough, where there are too many classes for a confusion."""
    return math.inf if run.get("confusion") is None else sum(run["confusion"][place])
