"""The top of the report: one line of facts, and the result in one or two sentences with absolute numbers."""

import math

import pandas as pd
from markupsafe import Markup, escape

from kd.report.html import linked, tag
from kd.report.study.configuration import Timing
from kd.report.study.pairs import Pair
from kd.report.study.sources import Study
from kd.results.format import interval, percent, signed, title
from kd.results.ranking import some, tied_with_first
from kd.results.table_csv import KEY
from kd.roles import ALONE, DISTILLED, MEAN, TEACHER

NBSP = "\N{NO-BREAK SPACE}"


def facts(study: Study, timing: Timing) -> Markup:
    """What was run, when, on what and by which code, in one line."""
    runs = study.runs
    counts = {role: {run.name for run in runs if run.role == role} for role in (TEACHER, ALONE)}
    methods = list(dict.fromkeys(run.method for run in runs if run.role == DISTILLED))
    seeds = {run.seed for run in runs if run.role != TEACHER}
    several = f"{len(methods)} methods" if len(methods) != 1 else f"method {methods[0]}"
    what = [_count(len(counts[TEACHER]), "teacher"), _count(len(counts[ALONE]), "student")]
    what += [several, _count(len(seeds), "seed")] if methods else [_count(len(seeds), "seed")]
    devices = sorted({run.device for run in runs})
    where = ", ".join(devices[:2]) + ("" if len(devices) < 3 else f" and {len(devices) - 2} more")
    parts = [f"{_count(len(runs), 'run')}: {', '.join(what)}", f"{timing.when} on {where}".strip()]
    commits = sorted({run.commit for run in runs})
    parts.append(f"commit {commits[0][:8]}" if len(commits) == 1 else f"{len(commits)} commits")
    return Markup(" · ").join([*map(escape, parts), linked("config.yaml", study.links.to(study.given))])


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def lead(pairs: list[Pair], table: pd.DataFrame, ranked: pd.DataFrame) -> list[Markup]:
    """What distillation changed, in sentences; `ranked` are the methods of kd.results.ranking."""
    if not pairs:
        return _without_pairs(table)
    if len(pairs) == 1:
        return _of_one(pairs[0])
    return _of_methods(pairs, table, ranked)


def _of_one(pair: Pair) -> list[Markup]:
    by = f" from {pair.teacher}" if pair.teacher else ""
    start = f"Distillation{by} by {pair.method}"
    result = _result(start, pair.student, pair.gain, pair.half_width, pair.baseline, pair.accuracy, "")
    if math.isnan(pair.teacher_accuracy):
        return [result]
    return [result, escape(f"The teacher reaches {pair.teacher_accuracy:.1f}{NBSP}%.")]


def _of_methods(pairs: list[Pair], table: pd.DataFrame, ranked: pd.DataFrame) -> list[Markup]:
    method, gain, half = ranked.loc[0, ["method", "gain", "gain_ci95"]]
    after = table.set_index(KEY)["test_accuracy"][MEAN, "", "", method]
    students = list(dict.fromkeys(pair.student for pair in pairs))
    whom = students[0] if len(students) == 1 else "both students" if len(students) == 2 else "the students"
    start = f"Distillation by {method}"
    if len(ranked) > 1:
        start = f"The best of {len(ranked)} methods, {method},"
    sentences = [_result(start, whom, gain, half, after - gain, after, " on average")]
    if len(ranked) > 1 and not math.isnan(half):
        tied = tied_with_first(ranked)
        other = f"Not significantly worse: {some(tied)}." if tied else "All others are significantly worse."
        sentences.append(escape(other))
    return sentences


def _result(
    start: str, whom: str, gain: float, half: float, before: float, after: float, average: str
) -> Markup:
    """`Distillation improved cnn by +2.1 points (95 % CI [0.9, 3.6]), from 90.2 % to 92.4 % …`."""
    sure = not math.isnan(half) and abs(gain) > half
    verb = "changed the accuracy of" if not sure else "improved" if gain > 0 else "lowered the accuracy of"
    basis = (
        "one seed, so no confidence interval"
        if math.isnan(half)
        else f"95{NBSP}%{NBSP}CI {interval(gain, half, 1)}"
    )
    if not sure and not math.isnan(half):
        basis += ", which contains 0"
    kind = None if not sure else "better" if gain > 0 else "worse"
    change = tag("b", f"{signed(gain, 1)} points", class_=kind)
    ends = f"{average} ({basis}), from {before:.1f}{NBSP}% to {after:.1f}{NBSP}% test accuracy."
    return escape(f"{start} {verb} {whom} by ") + change + ends


def _without_pairs(table: pd.DataFrame) -> list[Markup]:
    accuracies = table.set_index(KEY)["test_accuracy"]
    best = accuracies.idxmax() if accuracies.notna().any() else None
    sentences = [escape("No student was distilled in this study.")]
    if best:
        sentences.append(escape(f"Highest test accuracy: {title(*best)}, {percent(accuracies[best])}."))
    return sentences
