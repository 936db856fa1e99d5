"""The figures of a study in its report: within the page, with their captions."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from kd.report.data_uri import as_address
from kd.report.links import Links

CAPTIONS = Path(__file__).parents[4] / "report"  # those of Snakemake's own report
TITLES = {
    "accuracy_parameters": "Accuracy against parameters",
    "accuracy_latency": "Accuracy against latency",
    "gain": "Gain per pair and on average",
    "heat_map": "Teachers and students",
    "learning_curves": "Learning curves",
}
# What is drawn of them; learning curves are of the histories of all runs, which these name themselves.
_DRAWN = {"accuracy_parameters": ("table",), "accuracy_latency": ("table", "latency")}
_DRAWN |= {"gain": ("table",), "heat_map": ("table",)}
SWEEP = "{{ snakemake.wildcards.method }}"  # in the caption of a sweep


@dataclass(frozen=True)
class Shown:
    """A figure: its title, its caption, itself as an address that holds it, and where its files are."""

    title: str
    caption: str
    source: str
    files: Mapping[str, str]


def figures_of(paths: Iterable[Path], links: Links, numbers: Mapping[str, str]) -> list[Shown]:
    """The SVGs `paths` in the order of TITLES, and then those of sweeps.

    `numbers` has the addresses of the table and the latency.
    """
    order = list(TITLES)
    ordered = sorted(paths, key=lambda path: order.index(path.stem) if path.stem in TITLES else len(order))
    return [_shown(path, links, numbers) for path in ordered]


def _shown(path: Path, links: Links, numbers: Mapping[str, str]) -> Shown:
    swept = path.stem not in TITLES or path.parent.name == "sweeps"
    caption = (CAPTIONS / f"{'sweep' if swept else path.stem}.rst").read_text(encoding="utf-8")
    return Shown(
        title=f"Sweep of {path.stem}" if swept else TITLES[path.stem],
        caption=" ".join(caption.replace(SWEEP, path.stem).split()),
        # An image keeps the ids within it to itself, which in two figures may be the same.
        source=as_address(path.read_bytes(), "svg+xml"),
        files=_files(path, links) | {what: numbers[what] for what in _DRAWN.get(path.stem, ()) if not swept},
    )


def _files(path: Path, links: Links) -> dict[str, str]:
    files = {"SVG": path, "PNG": path.with_name(f"{path.stem}.png")}
    return {what: links.to(file) for what, file in files.items() if file.exists()}
