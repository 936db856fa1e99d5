"""The figures of a study in its report: within the page, with their captions."""

from pathlib import Path
from typing import Any

import pandas as pd

from kd.report.html import as_address
from kd.report.study.captions import FIGURES, SWEEP, numbers_of
from kd.report.study.sources import Study

TEXTS = Path(__file__).parents[4] / "report"  # those of Snakemake's own report
NAME = "{{ snakemake.wildcards.method }}"  # in the text of a sweep


def figures_of(study: Study, table: pd.DataFrame) -> list[dict[str, Any]]:
    """The figures in the order of FIGURES, then others, and then those of sweeps.

    Of each the title, the caption, how to read it, itself as an address that holds it, and its files.
    """
    order = [*FIGURES, *(path.stem for path in study.figures if not _swept(path))]
    places = {path: len(order) if _swept(path) else order.index(path.stem) for path in study.figures}
    numbers = numbers_of(table, study.measured)
    return [_shown(path, study, numbers) for path in sorted(places, key=places.get)]


def _swept(path: Path) -> bool:
    return path.parent.name == "sweeps"


def _shown(path: Path, study: Study, numbers: dict[str, Any]) -> dict[str, Any]:
    name = path.stem
    if _swept(path):
        title, caption = f"Sweep of {name}", SWEEP.format(name=name)
    elif name in FIGURES:
        title, caption = FIGURES[name][0], FIGURES[name][1](numbers)
    else:
        title, caption = name.replace("_", " ").capitalize(), ""
    text = TEXTS / f"{'sweep' if _swept(path) else name}.rst"
    how = text.read_text(encoding="utf-8").replace(NAME, name) if text.is_file() else ""
    return {
        "title": title,
        "caption": caption,
        "how": " ".join(how.split()),
        # An image keeps the ids within it to itself, which in two figures may be the same.
        "source": as_address(path.read_bytes(), "svg+xml"),
        "files": study.links.existing({"SVG": path, "PNG": path.with_name(f"{name}.png")}),
    }
