"""The figures of a study in its report: within the page, with the titles and captions that they carry."""

from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from kd.io.files import not_whole
from kd.report.html import as_address
from kd.report.study.sources import Study

TEXTS = Path(__file__).parents[4] / "report"  # those of Snakemake's own report
NAME = "{{ snakemake.wildcards.method }}"  # in the text of a sweep
_DUBLIN_CORE = "{http://purl.org/dc/elements/1.1/}"  # of the metadata in an SVG by Matplotlib


def figures_of(study: Study) -> list[dict[str, Any]]:
    """The figures in their order.

    Of each the title, the caption, how to read it, itself as an address that holds it, the same for a narrow
    screen, which is empty if there is none, and its files.
    """
    return [_shown(path, study) for path in study.figures]


def _shown(path: Path, study: Study) -> dict[str, Any]:
    swept, narrow = path.parent.name == "sweeps", path.parent / "narrow" / path.name
    text = TEXTS / f"{'sweep' if swept else path.stem}.rst"
    how = " ".join(text.read_text(encoding="utf-8").split()) if text.is_file() else ""
    title, caption = _about(path)
    return {
        "title": title,
        "caption": caption,
        "how": how.replace(NAME, path.stem),
        # An image keeps the ids within it to itself, which in two figures may be the same.
        "source": as_address(path.read_bytes(), "svg+xml"),
        "narrow": as_address(narrow.read_bytes(), "svg+xml") if narrow.is_file() else "",
        "files": study.links.existing({"SVG": path, "PNG": path.with_name(f"{path.stem}.png")}),
    }


def _about(path: Path) -> tuple[str, str]:
    """The title and the caption of a figure, from its metadata; UserError naming it if it is not whole."""
    try:
        root = ElementTree.parse(path).getroot()
    except ElementTree.ParseError as error:
        raise not_whole(path, error) from error
    title, caption = (root.findtext(f".//{_DUBLIN_CORE}{name}") or "" for name in ("title", "description"))
    return title or path.stem.replace("_", " ").capitalize(), caption
