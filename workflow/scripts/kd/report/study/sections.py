"""The runs of a study, a section for each cell and in it a part for each run."""

from collections.abc import Mapping, Sequence
from typing import Any

from kd.report.reliability import FEW, has_few, reliability
from kd.report.study.drawings import curve
from kd.report.study.numbers import gain_of, run_numbers
from kd.report.study.sources import Study
from kd.results.format import percent, signed, title
from kd.results.runs import Cell, Run
from kd.roles import ALONE, DISTILLED

WORST = 5  # confusions that are named
ENDS = 3  # classes that gained most, and that lost most


def sections(study: Study) -> list[dict[str, Any]]:
    """What the page shows of each cell: its title, links and runs."""
    runs = [run for cell in study.cells for run in cell.runs]
    alone = {(run.metrics.name, run.metrics.seed): run for run in runs if run.metrics.role == ALONE}
    return [
        {
            "anchor": study.links.anchor(cell.folder),
            "title": title(*cell.key),
            "pages": study.links.pages(cell),
            "export": study.links.export(cell),
            "runs": [_run(cell, run, alone, study) for run in cell.runs],
        }
        for cell in study.cells
    ]


def _run(cell: Cell, run: Run, alone: Mapping[tuple[str, int], Run], study: Study) -> dict[str, Any]:
    """What it shows of one run; `history` and `diagnosis` are where the drawings and sentences came from."""
    metrics, links = run.metrics, study.links
    baseline = alone.get((metrics.name, metrics.seed)) if metrics.role == DISTILLED else None
    gain = f", gain {gain_of(metrics, baseline)}" if baseline else ""
    anchor = links.anchor(run.folder)
    return {
        "anchor": f"{anchor}/run" if run.folder == cell.folder else anchor,  # ids are unique
        "summary": f"seed {metrics.seed}: {percent(metrics.test_accuracy)}{gain}",
        "numbers": run_numbers(cell, run, baseline, study),
        "curve": "" if run.history is None else curve(run.history),
        "history": links.to(run.folder / "history.csv"),
        "diagnosis": links.to(cell.folder / "diagnosis.json"),
        "files": links.files(run),
        "made": f"{metrics.loss_function}; on {metrics.device}; commit {metrics.commit}",
    } | _diagnosed(run.diagnosis, cell.classes)


def _diagnosed(diagnosis: Mapping[str, Any] | None, classes: Sequence[str]) -> dict[str, Any]:
    """Its reliability diagram, what is faded in that, and what is said of classes."""
    if not diagnosis:
        return {"reliability": "", "faded": "", "sentences": {}}
    faded = any(map(has_few, diagnosis["reliability"]))
    return {
        "reliability": reliability(diagnosis["reliability"], diagnosis["ece"]),
        "faded": f"fewer than {FEW} images" if faded else "",
        "sentences": _sentences(diagnosis, classes),
    }


def _sentences(diagnosis: Mapping[str, Any], classes: Sequence[str]) -> dict[str, str]:
    """What the diagnosis says of classes, in words."""
    # A number by itself would not be read as a name.
    names = [f"class {name}" if name.isdecimal() else name for name in classes]
    confused = [
        f"{names[true]} predicted as {names[predicted]} ({count:,} times)"
        for true, predicted, count in diagnosis["confused"][:WORST]
    ]
    gains = {k: gain for k, gain in enumerate(diagnosis["class_gain"] or []) if gain is not None}
    highest_first = sorted(gains, key=gains.get, reverse=True)
    gained = [k for k in highest_first if gains[k] > 0][:ENDS]
    lost = [k for k in reversed(highest_first) if gains[k] < 0][:ENDS]
    sentences = {"Most frequent mistakes": "; ".join(confused)}
    for what, some in (("Classes that gained most", gained), ("Classes that lost most", lost)):
        sentences[what] = ", ".join(f"{names[k]}: {signed(gains[k], 1)} points" for k in some)
    if gained or lost:
        basis = "one seed" + _images(diagnosis["confusion"], gained + lost)
        sentences["Basis of these gains"] = f"{basis}; with few images of a class its gain is mostly chance"
    return {what: text for what, text in sentences.items() if text}


def _images(confusion: Sequence[Sequence[int]] | None, classes: Sequence[int]) -> str:
    """How many test images these classes have; nothing where there are too many classes for a confusion."""
    if confusion is None:
        return ""
    counts = sorted(sum(confusion[k]) for k in classes)
    most = f" to {counts[-1]:,}" if counts[0] < counts[-1] else ""
    return f" and {counts[0]:,}{most} test images of each class"
