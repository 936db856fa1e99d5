"""The diagnosis of a cell as one self-contained page."""

import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from markupsafe import Markup

from kd.report.diagnosis.classes import class_list, mean_of
from kd.report.diagnosis.drawings import charts
from kd.report.diagnosis.legend import legend
from kd.report.diagnosis.matrices import cka_table, confusion_matrix, confusion_views
from kd.report.diagnosis.scaling import scaling_of
from kd.report.diagnosis.verdict import verdict
from kd.report.html import headings, row, table, tag
from kd.report.links import Links
from kd.report.reliability import FEW, has_few, reliability
from kd.report.template import render
from kd.results.format import number, quantity, shortened, title
from kd.results.metrics import Metrics
from kd.roles import DISTILLED, ROLES, TEACHER

LONGEST = 30  # letters in the name of a class, so that a table of many stays readable
Run = Mapping[str, Any]


def to_page(diagnosis: Run, metrics: Metrics, pictures: Mapping[int, str], page: Path, report: Path) -> str:
    """The whole page as HTML: escaped, styled within, and asking nothing of the network.

    `diagnosis` is what diagnosis.json holds, `metrics` are those of one of its runs, `pictures` addresses of
    the test images that it names; `page` and `report` say where it and the report of the study will be.
    """
    diagnosis = diagnosis | {"classes": [shortened(name, LONGEST) for name in diagnosis["classes"]]}
    runs = diagnosis["runs"]
    classes = class_list(diagnosis, list(map(_name, runs)))
    targets = [at for run in runs for image in run["soft_targets"] for at in image["temperatures"]]
    taught = any(at["teacher"] for at in targets)
    return render(
        "diagnosis",
        "page.css",
        title=_title(diagnosis),
        about=_about(metrics),
        links=_links(diagnosis, page, report),
        distilled=diagnosis["role"] == DISTILLED,
        taught=taught,
        few=FEW,
        verdict=verdict(diagnosis) if runs else [],
        numbers=_numbers(runs),
        classes=classes,
        confusion=confusion_views(runs, diagnosis["classes"]) if runs else {},
        changes=_changes(diagnosis, pictures),
        runs=[_shown(run, diagnosis, pictures) for run in runs],
        legend=legend(runs, taught=taught, gained=classes["gained"]),
    )


def _title(diagnosis: Run) -> str:
    role, *names = (diagnosis[key] for key in ("role", "name", "teacher", "method"))
    return f"Teacher {names[0]}" if role == TEACHER else f"Student {title(ROLES[role], *names)}"


def _about(metrics: Metrics) -> str:
    size = f"{quantity(metrics.parameters, 4)} parameters, " if metrics.parameters else ""
    return f"{metrics.architecture}, {size}loss: {metrics.loss_function}"


def _links(diagnosis: Run, page: Path, report: Path) -> dict[str, str]:
    """The report of the study, which has a section for this cell, and the files that the page is made of."""
    section = Links(report.parent).anchor(page.parent)
    addresses = {"report of the study": f"{Links(page.parent).to(report)}#{quote(section)}"}
    addresses["diagnosis.json"] = "diagnosis.json"
    if diagnosis["role"] == TEACHER:
        return addresses | {"metrics.json": "metrics.json"}
    seeds = [run["seed"] for run in diagnosis["runs"]]
    return addresses | {f"metrics.json, seed {seed}": f"{seed}/metrics.json" for seed in seeds}


def _name(run: Run) -> str:
    return "your file" if run["seed"] is None else f"seed {run['seed']}"


def _numbers(runs: Sequence[Run]) -> Markup:
    """The table of numbers: means and standard deviations over the seeds, and a row for each seed."""
    columns = {
        "test accuracy, %": ([100 * run["correct"] / (run["correct"] + run["wrong"]) for run in runs], 2),
        "top-5 accuracy, %": ([run["top5_accuracy"] for run in runs], 2),
        "balanced accuracy, %": ([run["balanced_accuracy"] for run in runs], 2),
        "macro-F1, %": ([run["macro_f1"] for run in runs], 2),
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
    if columns["top-5 accuracy, %"][0].count(None) == len(runs):  # of few classes
        del columns["top-5 accuracy, %"]
    rows = {}
    if len(runs) > 1:
        rows["mean"] = [number(mean_of(values), digits) for values, digits in columns.values()]
        rows["sd"] = [number(_deviation(values), digits) for values, digits in columns.values()]
    for at, run in enumerate(runs):
        rows[_name(run)] = [number(values[at], digits) for values, digits in columns.values()]
    lines = [row(name, [tag("td", text) for text in texts]) for name, texts in rows.items()]
    return table("Numbers of every run", headings(["run", *columns]), lines, kind="numbers")


def _deviation(values: Sequence[float | None]) -> float | None:
    """The standard deviation over seeds, where two at least have the number."""
    known = [value for value in values if value is not None]
    return statistics.stdev(known) if len(known) > 1 else None


def _changes(diagnosis: Run, pictures: Mapping[int, str]) -> list[dict[str, Any]]:
    """Images that the student has right and the baseline wrong, and the reverse; none without a baseline."""
    changes, classes = diagnosis["changes"], diagnosis["classes"]
    if not changes:
        return []
    kinds = {"corrected": "Baseline wrong, student right", "broken": "Baseline right, student wrong"}
    who = {"corrected": "baseline", "broken": "student"}
    return [
        {
            "title": title,
            "count": _counted(changes[f"{kind}_count"]),
            "who": who[kind],
            "images": [
                {
                    "index": image["index"],
                    "picture": pictures[image["index"]],
                    "label": classes[image["true"]],
                    "wrong": classes[image["wrong"]],
                    "seeds": f"{image['seeds']} of {changes['seeds']} seeds" if changes["seeds"] > 1 else "",
                }
                for image in changes[kind]
            ],
        }
        for kind, title in kinds.items()
    ]


def _counted(counts: Sequence[int]) -> str:
    """`12 test images`, or a mean over seeds."""
    mean = statistics.fmean(counts)
    text = f"{mean:,.0f}" if mean == round(mean) else f"{mean:,.1f}"
    return f"{text} test image{'s'[: mean != 1]}" + (" per seed" if len(counts) > 1 else "")


def _shown(run: Run, diagnosis: Run, pictures: Mapping[int, str]) -> dict[str, Any]:
    """What the template shows of one run of a diagnosis."""
    name, classes = _name(run).capitalize(), diagnosis["classes"]
    scaled = run["calibrated"] or {"reliability": None}

    def about(image: Mapping[str, Any]) -> dict[str, Any]:
        return {"label": classes[image["true"]], "picture": pictures[image["index"]]} | image

    return {
        "name": name,
        "correct": f"{run['correct']:,} of {run['correct'] + run['wrong']:,} test images correct",
        "ece": run["ece"],
        "reliability": reliability(run["reliability"], run["ece"]),
        "faded": any(map(has_few, [*run["reliability"], *(scaled["reliability"] or ())])),
        "scaled": scaled["reliability"] and reliability(scaled["reliability"], scaled["ece"]),
        "scaled_ece": scaled.get("ece"),
        "scaling": scaling_of(run, diagnosis["validation_images"]),
        # Of a single seed it is among those of all seeds.
        "confusion": confusion_matrix(run["confusion"], classes, name) if len(diagnosis["runs"]) > 1 else "",
        "confused": [
            f"{classes[true]} predicted as {classes[predicted]}: {count}"
            for true, predicted, count in run["confused"]
        ],
        "worst": [about(image) | {"taken": classes[image["predicted"]]} for image in run["worst"]],
        "soft_targets": [about(image) | {"charts": charts(image, classes)} for image in run["soft_targets"]],
        "cka": run["cka"] and cka_table(run["cka"]["values"], name),
    }
