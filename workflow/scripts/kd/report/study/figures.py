"""The figures of a study in its report: within the page, with their captions."""

from pathlib import Path
from typing import Any

from kd.report.html import as_address
from kd.report.study.sources import Study

CAPTIONS = Path(__file__).parents[4] / "report"  # those of Snakemake's own report
TITLES = {
    "accuracy_parameters": "Accuracy against parameters",
    "accuracy_latency": "Accuracy against latency",
    "gain": "Gain per pair and on average",
    "heat_map": "Teachers and students",
    "learning_curves": "Learning curves",
}
SWEEP = "{{ snakemake.wildcards.method }}"  # in the caption of a sweep


def figures_of(study: Study) -> list[dict[str, Any]]:
    """The figures in the order of TITLES, and then those of sweeps.

    Of each the title, the caption, itself as an address that holds it, and where its files and numbers are.
    """
    order = list(TITLES)
    places = {path: order.index(path.stem) if path.stem in order else len(order) for path in study.figures}
    return [_shown(path, study) for path in sorted(places, key=places.get)]


def _shown(path: Path, study: Study) -> dict[str, Any]:
    swept = path.stem not in TITLES or path.parent.name == "sweeps"
    caption = (CAPTIONS / f"{'sweep' if swept else path.stem}.rst").read_text(encoding="utf-8")
    files = {"SVG": path, "PNG": path.with_name(f"{path.stem}.png")}
    if not swept and path.stem != "learning_curves":  # those are of the histories of all runs
        files["table"] = study.table
    if path.stem == "accuracy_latency" and not swept:
        files["latency"] = study.latency
    return {
        "title": f"Sweep of {path.stem}" if swept else TITLES[path.stem],
        "caption": " ".join(caption.replace(SWEEP, path.stem).split()),
        # An image keeps the ids within it to itself, which in two figures may be the same.
        "source": as_address(path.read_bytes(), "svg+xml"),
        "files": study.links.existing(files),
    }
