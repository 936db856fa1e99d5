"""The cards at the top of the report: the most accurate student, the largest gain, compression."""

import math
from dataclasses import dataclass

import pandas as pd
from markupsafe import Markup, escape

from kd.report.study.pairs import Pair, runtime_of
from kd.report.study.sources import Key, Study
from kd.results.format import count, interval, percent, signed, size
from kd.results.latency import ONNX
from kd.results.table_csv import key_of
from kd.roles import BASELINE_ROW, TEACHER

RUNTIMES = {ONNX: "ONNX", "pytorch_ms": "PyTorch"}


@dataclass(frozen=True)
class Card:
    """A title, a large value, whose it is, and what else to know of it; `kind` colours the value."""

    title: str
    value: str
    whose: Markup
    notes: list[str]
    kind: str = ""


def cards(pairs: list[Pair], table: pd.DataFrame, study: Study) -> list[Card]:
    """The cards of a study, without those that it has nothing for."""
    if not pairs:
        return []
    made = [_most_accurate(pairs, table, study), _largest_gain(pairs, study)]
    return [*made, *filter(None, [_compression(pairs[0], table, study)])]


def _most_accurate(pairs: list[Pair], table: pd.DataFrame, study: Study) -> Card:
    """A baseline where no distilled student is more accurate."""
    pair = pairs[0]
    baselines = table[table["role"] == BASELINE_ROW].sort_values("test_accuracy", ascending=False)
    if len(baselines) and baselines["test_accuracy"].iloc[0] >= pair.accuracy:
        row = next(baselines.itertuples())
        notes = [f"no distilled student is better: {pair.name} {percent(pair.accuracy)}"]
        whose = study.analysed(f"{row.name} (baseline)", key_of(row))
        return Card("Most accurate student", percent(row.test_accuracy), whose, notes)
    spread = "" if math.isnan(pair.sd) else f" (sd {pair.sd:.2f})"
    about = [
        f"baseline {percent(pair.baseline)}{spread and f', distilled{spread}'}",
        costs(pair, runtime_of(pairs)),
    ]
    return Card("Most accurate student", percent(pair.accuracy), study.analysed(pair.name, pair.key), about)


def costs(pair: Pair, runtime: str) -> str:
    """`1,442 parameters, 7.4 kB, 0.048 ms (ONNX)`, of what is known."""
    known = [
        f"{count(pair.parameters)} parameters" if not math.isnan(pair.parameters) else "",
        size(round(pair.size)) if not math.isnan(pair.size) else "",
        f"{pair.times[runtime]:.3g} ms ({RUNTIMES[runtime]})" if not math.isnan(pair.times[runtime]) else "",
    ]
    return ", ".join(filter(None, known))


def _largest_gain(pairs: list[Pair], study: Study) -> Card:
    pair = max(pairs, key=lambda pair: pair.gain)
    basis = f"95 % CI {interval(pair.gain, pair.half_width)}"
    notes = ["one seed: no confidence interval" if math.isnan(pair.half_width) else basis]
    if pair.gain <= 0:
        heading = "Smallest loss" if len(pairs) > 1 else "Change of accuracy"
        return Card(
            heading, f"{signed(pair.gain)} points", study.analysed(pair.name, pair.key), notes, "worse"
        )
    if len(pairs) > 1:
        notes.append(f"optimistic: the largest of {len(pairs)}")
    heading = "Largest gain" if len(pairs) > 1 else "Accuracy gain"
    kind = "better" if pair.significant else ""
    return Card(heading, f"{signed(pair.gain)} points", study.analysed(pair.name, pair.key), notes, kind)


def _compression(pair: Pair, table: pd.DataFrame, study: Study) -> Card | None:
    """The most accurate distilled student beside the most accurate teacher of known size."""
    teachers = table[
        (table["role"] == TEACHER) & table["parameters"].notna() & table["test_accuracy"].notna()
    ]
    if teachers.empty or math.isnan(pair.parameters):
        return None
    row = next(teachers.sort_values("test_accuracy", ascending=False).itertuples())
    ratio = float(row.parameters) / pair.parameters
    value = f"{_times(ratio)} smaller" if ratio >= 1 else f"{_times(1 / ratio)} larger"
    notes = [f"{count(pair.parameters)} of {count(row.parameters)} parameters"]
    # A teacher that is never right has no accuracy of which a share could be kept.
    kept = f"{100 * pair.accuracy / row.test_accuracy:.1f} % of its accuracy" if row.test_accuracy else ""
    return Card(
        "Compression",
        value,
        escape(f"{pair.student} for {row.name}"),
        [*notes, ", ".join(filter(None, (kept, _faster(pair, key_of(row), study))))],
    )


def _faster(pair: Pair, teacher: Key, study: Study) -> str:
    for runtime, called in RUNTIMES.items():
        mine, its = pair.times[runtime], study.time(teacher, runtime)
        if mine > 0 and its > 0:  # not where one is unknown
            faster = its / mine
            return (
                f"{_times(faster)} faster ({called})"
                if faster >= 1
                else f"{_times(1 / faster)} slower ({called})"
            )
    return ""


def _times(ratio: float) -> str:
    return f"{ratio:,.0f}×" if ratio >= 10 else f"{ratio:.1f}×"
