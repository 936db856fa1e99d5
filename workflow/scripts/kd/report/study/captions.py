"""The titles and captions of figures, made for the study at hand; at most 30 words each.

What a figure's marks mean in general is in workflow/report/<figure>.rst, which the page folds under "How to
read". A figure that is not listed has its name as title, and no caption but that.
"""

from collections.abc import Callable, Mapping
from typing import Any

import pandas as pd

from kd.roles import BASELINE_ROW, DISTILLED_STUDENT, TEACHER

# How many teachers, students, pairs, methods and seeds there are; device and threads of the latency.
Numbers = Mapping[str, Any]


def numbers_of(table: pd.DataFrame, latency: Mapping[str, Any]) -> dict[str, Any]:
    """What captions may count."""
    rows = table.groupby("role")
    distilled = table[table["role"] == DISTILLED_STUDENT]
    counts = rows.size()
    return {
        "teachers": counts.get(TEACHER, 0),
        "students": counts.get(BASELINE_ROW, 0),
        "pairs": len(distilled),
        "methods": distilled["method"].nunique(),
        "seeds": int(table["seeds"].max()),
        "device": latency.get("device", ""),
        "threads": latency.get("threads", 1),
    }


def _several(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _over_seeds(it: Numbers, spread: str) -> str:
    return f"means over {it['seeds']} seeds, {spread}" if it["seeds"] > 1 else "one seed"


def _networks(it: Numbers) -> str:
    of = [_several(it[name], name[:-1]) for name in ("teachers", "students") if it[name]]
    return " and ".join(of)


def _parameters(it: Numbers) -> str:
    spread = _over_seeds(it, "bars: one standard deviation")
    return f"Test accuracy of {_networks(it)} against parameters; {spread}."


def _latency(it: Numbers) -> str:
    device = f"{it['device']}, {_several(it['threads'], 'thread')}"
    return f"Test accuracy of {_networks(it)} against the latency of one image ({device})."


def _gain(it: Numbers) -> str:
    spread = _over_seeds(it, "bars: 95 % confidence intervals")
    students = _several(it["pairs"], "distilled student")
    return f"Accuracy gain of {students} over the baseline, in points; {spread}."


def _heat_map(it: Numbers) -> str:
    maps = f" One map for each of {it['methods']} methods." if it["methods"] > 1 else ""
    return (
        f"Each student (columns) by each teacher (rows): test accuracy, and the gain over the baseline.{maps}"
    )


def _curves(it: Numbers) -> str:
    return f"Validation accuracy by epoch; {_over_seeds(it, 'bands: lowest to highest run')}."


FIGURES: dict[str, tuple[str, Callable[[Numbers], str]]] = {
    "accuracy_parameters": ("Accuracy against parameters", _parameters),
    "accuracy_latency": ("Accuracy against latency", _latency),
    "gain": ("Gain per pair and on average", _gain),
    "heat_map": ("Teachers and students", _heat_map),
    "learning_curves": ("Learning curves", _curves),
}
SWEEP = "Validation accuracy over the values that the sweep of {name} tried. Ring or frame: chosen values."
