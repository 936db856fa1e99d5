"""The runs of a study, a section for each cell and in it a part for each run."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from kd.report.reliability import FEW, has_few, reliability
from kd.report.study.drawings import curve
from kd.report.study.tables import Number, Sources, run_numbers
from kd.results.format import DASH, percent, signed
from kd.results.metrics import Metrics
from kd.results.runs import Cell, Run
from kd.roles import ALONE, DISTILLED, STUDENT_ALONE, TEACHER, UNTAUGHT

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
    alone = {
        (run.metrics.name, run.metrics.seed): run
        for cell in cells
        for run in cell.runs
        if run.metrics.role == ALONE
    }
    return [_section(cell, alone, sources) for cell in cells]


def _section(cell: Cell, alone: Mapping[tuple[str, int], Run], sources: Sources) -> Section:
    links = sources.links
    parts = [_part(cell, run, alone, sources) for run in cell.runs]
    return Section(links.anchor(cell.folder), _title(cell), links.pages(cell), links.export(cell), parts)


def _title(cell: Cell) -> str:
    role, name, teacher, method = cell.key
    if role == TEACHER:
        return f"Teacher {name}"
    if role == STUDENT_ALONE:
        return f"{name}, trained alone"
    origin = "without a teacher" if teacher == UNTAUGHT else f"from {teacher}"
    return f"{name} {origin} by {method}"


def _part(cell: Cell, run: Run, alone: Mapping[tuple[str, int], Run], sources: Sources) -> RunPart:
    metrics = run.metrics
    baseline = alone.get((metrics.name, metrics.seed)) if metrics.role == DISTILLED else None
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


def _faded(found: Mapping[str, Any] | None) -> str:
    some = found is not None and any(map(has_few, found["reliability"]))
    return f"fewer than {FEW} images" if some else ""


def _summary(metrics: Metrics, baseline: Run | None) -> str:
    text = f"seed {metrics.seed}: {percent(metrics.test_accuracy)}"
    if baseline is None:
        return text
    return f"{text}, gain {signed(metrics.test_accuracy - baseline.metrics.test_accuracy)}"


def _sentences(found: Mapping[str, Any], classes: Sequence[str]) -> dict[str, str]:
    """What the diagnosis says of classes, in words."""
    confused = [
        f"{_named(classes[true])} taken for {_named(classes[predicted])} ({count:,} times)"
        for true, predicted, count in found["confused"][:WORST]
    ]
    shown = {"Most frequent mistakes": "; ".join(confused)}
    gains = [(gain, k) for k, gain in enumerate(found["class_gain"] or []) if gain is not None]
    gains.sort(key=lambda pair: -pair[0])
    ahead = [pair for pair in gains if pair[0] > 0][:ENDS]
    behind = [pair for pair in reversed(gains) if pair[0] < 0][:ENDS]
    for what, some in (("Classes that gained most", ahead), ("Classes that lost most", behind)):
        shown[what] = ", ".join(f"{_named(classes[k])}: {_points(gain)}" for gain, k in some)
    if ahead or behind:
        behind_them = "one seed" + _images(found["confusion"], [k for _, k in ahead + behind])
        shown["Behind these gains"] = f"{behind_them}; with few images of a class its gain is mostly chance"
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
