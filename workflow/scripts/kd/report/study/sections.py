"""The runs of a study, a section for each cell and in it a part for each run."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from kd.report.reliability import FEW, has_few, reliability
from kd.report.study.drawings import curve
from kd.report.study.tables import Number, Sources, run_numbers
from kd.results.format import DASH, percent, signed, title
from kd.results.metrics import Metrics
from kd.results.runs import Cell, Run
from kd.roles import ALONE, DISTILLED

WORST = 5  # confusions that are named
ENDS = 3  # classes that gained most, and that lost most


@dataclass(frozen=True)
class RunPart:
    """What the page shows of one run."""

    anchor: str
    summary: str
    numbers: Mapping[str, Sequence[Number]]
    curve: Markup
    reliability: Markup
    faded: str  # what is faded in it
    sentences: Mapping[str, str]
    history: str  # where the curve came from
    diagnosis: str  # where reliability and sentences came from
    files: Mapping[str, str]
    made: str


@dataclass(frozen=True)
class Section:
    """What the page shows of a cell."""

    anchor: str
    title: str
    pages: Mapping[str, str]
    export: str
    runs: Sequence[RunPart]


def sections(cells: Sequence[Cell], sources: Sources) -> list[Section]:
    """A section for each cell, in their order."""
    baselines = {
        (run.metrics.name, run.metrics.seed): run
        for cell in cells
        for run in cell.runs
        if run.metrics.role == ALONE
    }
    return [_section(cell, baselines, sources) for cell in cells]


def _section(cell: Cell, baselines: Mapping[tuple[str, int], Run], sources: Sources) -> Section:
    links = sources.links
    parts = [_part(cell, run, baselines, sources) for run in cell.runs]
    return Section(links.anchor(cell.folder), title(*cell.key), links.pages(cell), links.export(cell), parts)


def _part(cell: Cell, run: Run, baselines: Mapping[tuple[str, int], Run], sources: Sources) -> RunPart:
    metrics = run.metrics
    baseline = baselines.get((metrics.name, metrics.seed)) if metrics.role == DISTILLED else None
    numbers = run_numbers(cell, run, baseline, sources)
    time = sources.time(cell.key)
    if time.text != DASH:
        numbers["latency in milliseconds"] = [time]
    anchor = sources.links.anchor(run.folder)
    return RunPart(
        anchor=f"{anchor}/run" if run.folder == cell.folder else anchor,  # ids are unique
        summary=_summary(metrics, baseline),
        numbers=numbers,
        curve=curve(run.history) if run.history is not None else Markup(""),
        reliability=_reliability(run.diagnosis),
        faded=_faded(run.diagnosis),
        sentences=_sentences(run.diagnosis, cell.classes) if run.diagnosis else {},
        history=sources.links.to(run.folder / "history.csv"),
        diagnosis=sources.links.to(cell.folder / "diagnosis.json"),
        files=sources.links.files(run),
        made=f"{metrics.loss_function}; on {metrics.device}; commit {metrics.commit}",
    )


def _reliability(diagnosis: Mapping[str, Any] | None) -> Markup:
    return reliability(diagnosis["reliability"], diagnosis["ece"]) if diagnosis else Markup("")


def _faded(diagnosis: Mapping[str, Any] | None) -> str:
    some = diagnosis is not None and any(map(has_few, diagnosis["reliability"]))
    return f"fewer than {FEW} images" if some else ""


def _summary(metrics: Metrics, baseline: Run | None) -> str:
    text = f"seed {metrics.seed}: {percent(metrics.test_accuracy)}"
    if baseline is None:
        return text
    return f"{text}, gain {signed(metrics.test_accuracy - baseline.metrics.test_accuracy)}"


def _sentences(diagnosis: Mapping[str, Any], classes: Sequence[str]) -> dict[str, str]:
    """What the diagnosis says of classes, in words."""
    confused = [
        f"{_named(classes[true])} predicted as {_named(classes[predicted])} ({count:,} times)"
        for true, predicted, count in diagnosis["confused"][:WORST]
    ]
    shown = {"Most frequent mistakes": "; ".join(confused)}
    gains = [(gain, k) for k, gain in enumerate(diagnosis["class_gain"] or []) if gain is not None]
    gains.sort(key=lambda pair: -pair[0])
    gained = [pair for pair in gains if pair[0] > 0][:ENDS]
    lost = [pair for pair in reversed(gains) if pair[0] < 0][:ENDS]
    for what, some in (("Classes that gained most", gained), ("Classes that lost most", lost)):
        shown[what] = ", ".join(f"{_named(classes[k])}: {_points(gain)}" for gain, k in some)
    if gained or lost:
        basis = "one seed" + _images(diagnosis["confusion"], [k for _, k in gained + lost])
        shown["Basis of these gains"] = f"{basis}; with few images of a class its gain is mostly chance"
    return {what: text for what, text in shown.items() if text}


def _named(name: str) -> str:
    """A class as it is called in a sentence, where a number by itself would be read as one."""
    return f"class {name}" if name.isdecimal() else name


def _points(gain: float) -> str:
    return f"{gain:+.1f} points".replace("-", "\N{MINUS SIGN}")


def _images(confusion: Sequence[Sequence[int]] | None, classes: Sequence[int]) -> str:
    """How many test images these classes have; nothing where there are too many classes for a confusion."""
    if confusion is None:
        return ""
    counts = sorted(sum(confusion[k]) for k in classes)
    most = f" to {counts[-1]:,}" if counts[0] < counts[-1] else ""
    return f" and {counts[0]:,}{most} test images of each class"
