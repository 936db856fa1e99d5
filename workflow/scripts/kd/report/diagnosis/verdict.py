"""What stands on top of a diagnosis: its most important findings, each in a sentence."""

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from kd.report.diagnosis.classes import Gain, class_gains
from kd.results.format import interval
from kd.results.significance import t_half_width

MOST = 3  # classes that are named
CALIBRATED = 1.0  # points between confidence and accuracy from which on a network is over- or under-confident
Runs = Sequence[Mapping[str, Any]]


def verdict(diagnosis: Mapping[str, Any]) -> list[str]:
    """Sentences on the accuracy and its gain, classes, calibration and the most frequent mistake."""
    runs = diagnosis["runs"]
    sentences = [_accuracy(runs)]
    if runs[0]["class_gain"]:
        sentences += _classes(diagnosis)
    return [*sentences, _calibration(runs), *_mistake(diagnosis)]


def named(name: str) -> str:
    """A class in a sentence, where a number by itself would not be read as a name."""
    return f"class {name}" if name.isdecimal() else name


def _accuracy(runs: Runs) -> str:
    accuracy = statistics.fmean(100 * run["correct"] / (run["correct"] + run["wrong"]) for run in runs)
    text = f"{accuracy:.2f} % test accuracy"
    seeds = f"{len(runs)} seed{'s'[: len(runs) != 1]}"
    gains = [run["gain"] for run in runs]
    if None in gains:
        return f"{text} ({seeds})." if len(runs) > 1 else f"{text}."
    gain, half = statistics.fmean(gains), t_half_width(pd.Series(gains, dtype=float))
    basis = f"95 % CI {interval(gain, half)}, {seeds}" if len(runs) > 1 else "one seed, may be chance"
    how = "more" if gain >= 0 else "less"
    if abs(gain) < 0.005:
        return f"{text}, as much as the baseline ({basis})."
    return f"{text}, {abs(gain):.2f} points {how} than the baseline ({basis})."


def _classes(diagnosis: Mapping[str, Any]) -> list[str]:
    """The classes that lose and gain, significantly if there are several seeds, the largest change first."""
    gains = [gain for gain in class_gains(diagnosis) if gain.mean is not None]
    several = len(diagnosis["runs"]) > 1
    changed = [
        gain for gain in gains if abs(gain.mean) >= 0.05 and (not several or abs(gain.mean) > gain.half)
    ]
    lost = sorted((gain for gain in changed if gain.mean < 0), key=lambda gain: gain.mean)
    won = sorted((gain for gain in changed if gain.mean > 0), key=lambda gain: -gain.mean)
    sentences = [_changed("Loses", lost, diagnosis)] if lost else []
    sentences += [_changed("Gains", won, diagnosis)] if won else []
    if several and not lost:
        sentences.append("No class loses significantly (no 95 % interval below 0).")
    return sentences


def _changed(word: str, gains: Sequence[Gain], diagnosis: Mapping[str, Any]) -> str:
    """`Loses 11.2 points on class 8 (often predicted as 1), 3.0 on class 2.`"""
    parts = []
    for place, gain in enumerate(gains[:MOST]):
        points = " points" if place == 0 else ""
        often = _predicted_as(diagnosis, gain.place) if word == "Loses" else ""
        parts.append(f"{abs(gain.mean):.1f}{points} on {named(gain.name)}{often}")
    more = f" and on {len(gains) - MOST} more" if len(gains) > MOST else ""
    basis = "" if len(diagnosis["runs"]) > 1 else " (one seed, may be chance)"
    return f"{word} {', '.join(parts)}{more}{basis}."


def _predicted_as(diagnosis: Mapping[str, Any], place: int) -> str:
    """As what a class is now predicted more often, or most often, over all seeds; empty if unknown."""
    runs, rows = diagnosis["runs"], []
    for key in ("confusion_change", "confusion"):
        if runs[0][key]:
            counts = [
                sum(run[key][place][other] for run in runs) for other in range(len(diagnosis["classes"]))
            ]
            counts[place] = 0
            rows.append(counts)
    for counts in rows:
        if max(counts) > 0:
            return f" (often predicted as {diagnosis['classes'][counts.index(max(counts))]})"
    return ""


def _calibration(runs: Runs) -> str:
    """The mean confidence against the accuracy, over all seeds."""
    bins = [part for run in runs for part in run["reliability"] if part["count"]]
    images = sum(part["count"] for part in bins)
    confidence, accuracy = (
        100 * sum(part["count"] * part[key] for part in bins) / images for key in ("confidence", "accuracy")
    )
    gap = confidence - accuracy
    if abs(gap) < CALIBRATED:
        kind = "Well calibrated on average"
    else:
        kind = f"{'Over' if gap > 0 else 'Under'}-confident by {abs(gap):.1f} points"
    ece = statistics.fmean(run["ece"] for run in runs)
    return f"{kind}: mean confidence {confidence:.1f} %, accuracy {accuracy:.1f} % (ECE {ece:.1f} %)."


def _mistake(diagnosis: Mapping[str, Any]) -> list[str]:
    """The most frequent mistake over all seeds."""
    counts: dict[tuple[int, int], int] = {}
    for run in diagnosis["runs"]:
        for true, predicted, count in run["confused"]:
            counts[true, predicted] = counts.get((true, predicted), 0) + count
    if not counts:
        return ["No test image is predicted wrongly."]
    (true, predicted), count = max(counts.items(), key=lambda pair: pair[1])
    share = 100 * count / (len(diagnosis["runs"]) * diagnosis["class_images"][true])
    names = diagnosis["classes"]
    mistake = f"{named(names[true])} predicted as {names[predicted]}"
    return [f"Most frequent mistake: {mistake} ({share:.1f} % of its images)."]
