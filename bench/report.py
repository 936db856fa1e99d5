"""The results of `python -m bench` as tables, a JSON file and a plot. What was not measured is left out.

Times are medians with their range, ratios say how many times as long the usual loop takes as ours.
"""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from bench import cells
from bench.cells import NONE, markdown
from bench.chart import draw
from kd.io.atomic import atomic
from kd.plots.style import save

Results = Mapping[str, Any]


def write(results: Results, folder: Path, name: str | None = None) -> None:
    """Write `<folder>/<name>.json`, `.png` and `.svg`, each whole or not at all.

    `name` is by default the one in the results. There is no plot while there is nothing to draw.
    """
    stem = folder / (name or results["name"])
    # with_suffix() would cut a name that has a dot in it.
    with atomic(stem.with_name(f"{stem.name}.json")) as temporary:
        text = json.dumps(results, indent=1, allow_nan=False, ensure_ascii=False)
        temporary.write_text(text + "\n", encoding="utf-8")
    if figure := draw(results):
        save(figure, stem)


def table(results: Results) -> str:
    """All sections that there are, as Markdown that can also be read in a terminal."""
    return "\n\n".join(part(results) for key, part in PARTS.items() if results.get(key)) + "\n"


def _machine(results: Results) -> str:
    machine, versions = results["machine"], results.get("versions", {})
    names = [machine["processor"], f"{machine['cores']} cores"]
    if machine["device"] != machine["processor"]:
        names.insert(0, machine["device"])
    when = [str(results[key])[:10] for key in ("date", "commit") if results.get(key)]
    return ", ".join([*names, machine["os"], *(f"{name} {is_}" for name, is_ in versions.items()), *when])


def _gate(results: Results) -> str:
    gate = results["gate"]
    lines = [f"- {'passed' if check['passed'] else 'FAILED'}: {check['text']}" for check in gate["checks"]]
    return "\n".join([f"Gate, {gate['seconds']:.0f} s:", "", *lines])


def _rates(results: Results) -> str:
    matmul, copy = (results["rates"][name] / 1e9 for name in ("matmul", "copy"))
    return f"Best rates of the machine: {matmul:,.0f} GFLOP/s in matrix products, {copy:,.1f} GB/s copied."


def _training(results: Results) -> str:
    columns: dict[str, Callable[[Results], str]] = {
        "training": lambda row: row["network"],
        "batch": lambda row: str(row["batch"]),
        "ours, a step": lambda row: cells.seconds(row["ours_step"]),
        "usual loop, a step": lambda row: cells.seconds(row["reference_step"]),
        "ratio of steps": lambda row: cells.ratio(row["ratio"]),
        "of epochs": lambda row: cells.ratio(row["epoch_ratio"]),
        "to the tuned loop": lambda row: cells.ratio(row["tuned_ratio"]) if "tuned_ratio" in row else NONE,
        "of the floor": lambda row: cells.percent(row["floor_share"]),
    }
    return _of_columns(columns, results["training"])


def _distillation(results: Results) -> str:
    columns: dict[str, Callable[[Results], str]] = {
        "distilling": lambda row: f"{row['teacher']} → {row['students']} {row['student']}{_mixed(row)}",
        "usual loop, an epoch": lambda row: cells.seconds(row["reference_epoch"]),
        "ours, an epoch": lambda row: cells.seconds(row["ours_epoch"]),
        "targets, an epoch": lambda row: cells.seconds(row["targets"]),
        "ratio, all costs in": lambda row: cells.ratio(row["ratio"]),
        "ceiling": lambda row: cells.times(row["ceiling"]),
        "reached": lambda row: cells.percent(row["share"]),
        "live : stored": lambda row: cells.ratio(row["cached_over_live"]),
    }
    return _of_columns(columns, results["distillation"])


def _mixed(row: Results) -> str:
    return ", resized crops and mixup" if row.get("mixed") else ""


def _methods(results: Results) -> str:
    columns: dict[str, Callable[[Results], str]] = {
        "method": lambda row: row["method"],
        "teacher": lambda row: row["teacher"],
        "a step": lambda row: cells.seconds(row["step"]),
        "over plain training": lambda row: cells.ratio(row["ratio"]),
    }
    return _of_columns(columns, sorted(results["methods"], key=lambda row: row["ratio"]["median"]))


def _grid(results: Results) -> str:
    grid = results["grid"]
    return (
        f"{len(grid['teachers'])} teachers × {len(grid['students'])} students of {grid['epochs']} epochs:"
        f" the usual loop takes {grid['ratio']:.2f} times as long, all costs in."
    )


def _concurrency(results: Results) -> str:
    columns: dict[str, Callable[[Results], str]] = {
        "at once": lambda row: row["network"],
        "jobs": lambda row: str(row["concurrent"]),
        "images/s of all": lambda row: cells.count(row["images_per_second"]),
        "over one job": lambda row: cells.ratio(row["over_one"]),
    }
    return _of_columns(columns, results["concurrency"])


def _precision(results: Results) -> str:
    variants = [variant for variant in results["precision"][0]["steps"] if variant != "float32"]
    columns: dict[str, Callable[[Results], str]] = {
        "in bf16": lambda row: row["network"],
        "float32, a step": lambda row: cells.seconds(row["steps"]["float32"]),
    }
    for variant in variants:
        columns[f"{variant}, a step"] = lambda row, name=variant: cells.seconds(row["steps"][name])
        columns[f"{variant} faster"] = lambda row, name=variant: cells.ratio(row["ratios"][name])
    return _of_columns(columns, results["precision"])


def _workflow(results: Results) -> str:
    studies = [row for row in results["workflow"] if row["what"] == "default study"]
    plans = [row for row in results["workflow"] if row["what"] == "dry run"]
    parts = [markdown(["the default study", "seconds"], _study(row)) for row in studies]
    for row in (row for row in results["workflow"] if row["what"] == "first step"):
        rows = [[name, cells.seconds(seconds)] for name, seconds in row["networks"].items()]
        parts.append(markdown(["from its start to a job's first step", "seconds"], rows))
    if plans:
        rows = [[f"{row['jobs']:,}", cells.seconds(row["seconds"])] for row in plans]
        parts.append(markdown(["jobs", "snakemake -n"], rows, texts=0))
    return "\n\n".join(parts)


def _study(row: Results) -> list[list[str]]:
    overhead = f"Snakemake and waiting, {cells.percent(row['overhead_share'])} of {row['slots']} slots"
    values = {
        f"wall time on {row['cores']} cores": row["wall"],
        f"{row['jobs']} jobs, sum": row["job_seconds"],
        "of it in training epochs": row["training_seconds"],
        "start of a training: Python and imports": row["start_seconds"],
        overhead: row["overhead"],
        "the same for each job": row["overhead_per_job"],
        "in which no job ran": row["no_job"],
    }
    return [[name, cells.one(value)] for name, value in values.items()]


def _whole_study(results: Results) -> str:
    columns: dict[str, Callable[[Results], str]] = {
        "a study from start to end": lambda row: f"{row['teacher']} → {row['students']} {row['student']}",
        "images": lambda row: f"{row['images']:,}",
        "cores": lambda row: str(row["cores"]),
        "ours": lambda row: cells.seconds(row["ours"]),
        "threads": lambda row: "auto" if row.get("auto_threads") else NONE,
        "the usual trainer": lambda row: cells.seconds(row["reference"]),
        "ratio": lambda row: cells.ratio(row["ratio"]),
        "by work alone": lambda row: cells.times(row["ceiling"]),
    }
    return _of_columns(columns, results["study"])


def _of_columns(columns: Mapping[str, Callable[[Results], str]], rows: list[Results]) -> str:
    """A table with a line for each row; columns without a single value are left out."""
    texts = {name: [cell(row) for row in rows] for name, cell in columns.items()}
    texts = {name: column for name, column in texts.items() if set(column) != {NONE}}
    return markdown(list(texts), list(zip(*texts.values(), strict=True)))


PARTS: dict[str, Callable[[Results], str]] = {
    "machine": _machine,
    "gate": _gate,
    "rates": _rates,
    "training": _training,
    "distillation": _distillation,
    "methods": _methods,
    "grid": _grid,
    "concurrency": _concurrency,
    "precision": _precision,
    "workflow": _workflow,
    "study": _whole_study,
}
