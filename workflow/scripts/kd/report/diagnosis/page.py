"""The diagnosis of a cell as one self-contained page."""

import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from markupsafe import Markup

from kd.report.diagnosis.classes import class_list
from kd.report.diagnosis.drawings import probabilities
from kd.report.diagnosis.legend import legend
from kd.report.diagnosis.links import links
from kd.report.diagnosis.pictures import confusion_picture
from kd.report.reliability import FEW, has_few, reliability
from kd.report.style import STYLE
from kd.report.template import render
from kd.results.format import number, quantity, title
from kd.results.metrics import Metrics
from kd.roles import ROLES, TEACHER

HERE = Path(__file__).parent
WHOLE = 20  # classes of which the confusion matrix is a table, and not a picture
LONGEST = 30  # letters in the name of a class
BARS = 12  # classes in a chart of probabilities; of more those that are believed in most
Run = Mapping[str, Any]


def to_page(diagnosis: Run, metrics: Metrics, pictures: Mapping[int, str], page: Path, report: Path) -> str:
    """The whole page as HTML: escaped, styled within, and asking nothing of the network.

    `diagnosis` is what diagnosis.json holds, `metrics` are those of one of its runs, `pictures` addresses of
    the test images that it names; `page` and `report` say where it and the report of the study will be.
    """
    diagnosis = diagnosis | {"classes": [_short(name) for name in diagnosis["classes"]]}
    runs = diagnosis["runs"]
    names = [_name(run) for run in runs]
    targets = [at for run in runs for image in run["soft_targets"] for at in image["temperatures"]]
    classes = class_list(diagnosis, names)
    shown = {
        "compared": any(run["fidelity"] for run in runs),
        "taught": any(at["teacher"] for at in targets),
        "gained": classes["gained"],
        "several": len(runs) > 1,
        "cka": any(run["cka"] for run in runs),
    }
    return render(
        HERE,
        title=_title(diagnosis),
        about=_about(metrics),
        links=links(diagnosis, page, report),
        style=Markup(STYLE + (HERE / "page.css").read_text(encoding="utf-8")),
        distilled=diagnosis["role"] == "distilled",
        taught=shown["taught"],
        few=FEW,
        numbers=_numbers(runs),
        classes=classes,
        long_names=max(map(len, diagnosis["classes"])) > 4,
        runs=[_shown(run, diagnosis["classes"], pictures) for run in runs],
        legend=legend(**shown),
    )


def _title(diagnosis: Run) -> str:
    role, *names = (diagnosis[key] for key in ("role", "name", "teacher", "method"))
    return f"Teacher {names[0]}" if role == TEACHER else f"Student {title(ROLES[role], *names)}"


def _short(name: str) -> str:
    """The name of a class, so that a table of many stays readable; diagnosis.json has it whole."""
    return name if len(name) <= LONGEST else f"{name[: LONGEST - 1]}…"


def _about(metrics: Metrics) -> str:
    size = f"{quantity(metrics.parameters, 4)} parameters, " if metrics.parameters else ""
    return f"{metrics.architecture}, {size}loss: {metrics.loss_function}"


def _name(run: Run) -> str:
    return "as given" if run["seed"] is None else f"seed {run['seed']}"


def _numbers(runs: Sequence[Run]) -> dict[str, Any]:
    """The table of numbers: its headings, and its rows by name, of means over the seeds and of each seed."""
    columns = {
        "test accuracy, %": ([100 * run["correct"] / (run["correct"] + run["wrong"]) for run in runs], 2),
        "NLL": ([run["nll"] for run in runs], 3),
        "loss (correct)": ([run["loss_correct"] for run in runs], 3),
        "loss (wrong)": ([run["loss_wrong"] for run in runs], 3),
        "ECE, %": ([run["ece"] for run in runs], 2),
        "Brier": ([run["brier"] for run in runs], 4),
    }
    for part in ("test", "train") if any(run["fidelity"] for run in runs) else ():
        fidelities = [run["fidelity"][part] or {"agreement": None, "kl": None} for run in runs]
        columns[f"agreement, {part}, %"] = [fidelity["agreement"] for fidelity in fidelities], 2
        columns[f"KL, {part}"] = [fidelity["kl"] for fidelity in fidelities], 3
    rows = {}
    if len(runs) > 1:
        rows["mean"] = [_mean(*column) for column in columns.values()]
    for at, run in enumerate(runs):
        rows[_name(run)] = [number(values[at], digits) for values, digits in columns.values()]
    return {"headings": list(columns), "rows": rows}


def _mean(values: Sequence[float | None], digits: int) -> str:
    """With the standard deviation, where two seeds at least have the number."""
    known = [value for value in values if value is not None]
    if len(known) < 2:
        return number(known[0] if known else None, digits)
    return f"{statistics.fmean(known):.{digits}f} ± {statistics.stdev(known):.{digits}f}"


def _shown(run: Run, classes: Sequence[str], pictures: Mapping[int, str]) -> dict[str, Any]:
    """What the template shows of one run."""
    confusion, few = run["confusion"], len(classes) <= WHOLE
    return {
        "name": _name(run).capitalize(),
        "correct": f"{run['correct']:,} of {run['correct'] + run['wrong']:,} test images correct",
        "ece": run["ece"],
        "reliability": reliability(run["reliability"], run["ece"], large=True),
        "faded": any(map(has_few, run["reliability"])),
        "confusion": _confusion(confusion, classes) if confusion and few else None,
        "confusion_picture": confusion_picture(confusion) if confusion and not few else None,
        "confused": [
            (classes[true], classes[predicted], count) for true, predicted, count in run["confused"]
        ],
        "worst": [_worst(image, classes, pictures) for image in run["worst"]],
        "soft_targets": [_soft(image, classes, pictures) for image in run["soft_targets"]],
        "cka": run["cka"],
    }


def _confusion(confusion: Sequence[Sequence[int]], classes: Sequence[str]) -> list[tuple[str, list[Any]]]:
    """Rows of a table: a class, and for each predicted one the count, its shade, and if it is correct."""
    rows = []
    for place, row in enumerate(confusion):
        # By the root, so that rare mistakes are seen; never so dark that the number is not.
        shades = [f"{0.5 * (count / max(1, sum(row))) ** 0.5:.3f}" for count in row]
        right = [column == place for column in range(len(row))]
        rows.append((classes[place], list(zip(row, shades, right, strict=True))))
    return rows


def _worst(image: Mapping[str, Any], classes: Sequence[str], pictures: Mapping[int, str]) -> dict[str, Any]:
    predicted = None if image["predicted"] == image["true"] else classes[image["predicted"]]
    names = {"label": classes[image["true"]], "predicted": predicted, "picture": pictures[image["index"]]}
    return {key: image[key] for key in ("index", "loss", "confidence")} | names


def _soft(image: Mapping[str, Any], classes: Sequence[str], pictures: Mapping[int, str]) -> dict[str, Any]:
    """An image with a chart for each temperature."""
    shown = _believed(image, len(classes))
    names = [classes[place] for place in shown] + ["others"] * (len(shown) < len(classes))
    charts = []
    for at in image["temperatures"]:
        teacher, own = (_picked(at[who], shown) for who in ("teacher", "student"))
        chart = probabilities(names, teacher, own, shown.index(image["true"]))
        charts.append((f"{at['temperature']:g}", chart))
    about = {"label": classes[image["true"]], "picture": pictures[image["index"]], "charts": charts}
    return about | {key: image[key] for key in ("index", "why")}


def _believed(image: Mapping[str, Any], classes: int) -> list[int]:
    """The classes of a chart, in order: all, or of many the true one and those most likely to either."""
    if classes <= BARS:
        return list(range(classes))
    sides = [side for side in (image["temperatures"][0][who] for who in ("teacher", "student")) if side]
    likely = sorted(range(classes), key=lambda place: -max(side[place] for side in sides))
    return sorted({image["true"], *likely[: BARS - 2]})


def _picked(probabilities: Sequence[float] | None, shown: Sequence[int]) -> list[float] | None:
    """Those of the classes that are shown, and the sum of the others, where there are some."""
    if probabilities is None:
        return None
    picked = [probabilities[place] for place in shown]
    return picked + [max(0.0, 1 - sum(picked))] * (len(shown) < len(probabilities))
