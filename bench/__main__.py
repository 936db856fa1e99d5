"""`PYTHONPATH=workflow/scripts python -m bench`: measures, and writes a table, a JSON file and a plot."""

import argparse
import json
import signal
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch

from bench import concurrency, distillation, floor, grid, machine, methods, precision, training
from bench.record import Record
from bench.spec import Setting
from kd.errors import UserError
from kd.runtime.hardware import cpu_count

SECTIONS = ("gate", "training", "distillation", "methods", "concurrency", "workflow", "study", "precision")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    add = parser.add_argument
    names = ", ".join(SECTIONS)
    add("--only", nargs="+", choices=SECTIONS, default=SECTIONS, metavar="SECTION", help=f"some of: {names}")
    add("--grid", action="store_true", help="also all students of all teachers; for GPUs")
    add(
        "--networks",
        nargs="+",
        default=training.NETWORKS,
        metavar="NETWORK",
        help="those to train, and to distil from",
    )
    add("--repeats", type=int, default=5, help="repetitions that count, after one that does not (default: 5)")
    add("--device", choices=("auto", "cpu", "cuda"), default="auto")
    add("--threads", type=int, default=cpu_count(), help="of a loop (default: all cores)")
    add("--compile", choices=("auto", "always", "never"), default="auto", help="our networks (default: auto)")
    add("--auto-threads", action="store_true", help="the study with compute.threads: auto")
    add("--images", type=int, help="of a repetition; few of them show that everything works")
    add("--dataset", help="a prepared dataset.safetensors instead of random images")
    add("--folder", type=Path, default=Path("bench/results"), help="for the results (default: %(default)s)")
    add("--name", help="of the machine, in file names (default: its processor or GPU)")
    return parser.parse_args()


def _setting(arguments: argparse.Namespace) -> Setting:
    device = arguments.device
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    shared = {
        name: getattr(arguments, name) for name in ("threads", "repeats", "images", "dataset", "compile")
    }
    return Setting(device=device, **shared)


def _keep_rows(record: Record, section: str, rows: Iterable[dict[str, Any]]) -> None:
    """Measure a section; what an interruption leaves of it is kept too."""
    measured = []
    try:
        for row in rows:
            measured.append(row)
    finally:
        if measured:
            record.keep(section, measured)


def _pass_gate(record: Record, setting: Setting) -> None:
    """Refuse to measure loops that do not compute the same: UserError with the gate's message."""
    # In a process of its own, like all that computes: this one shall hold no device while others are timed.
    # And in a plain one: children of a multiprocessing pool start their DataLoaders another way.
    command = [sys.executable, "-m", "bench.gate", setting.device, setting.compile]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    if done.returncode:
        raise UserError(f"the gate ended with code {done.returncode}")
    verdict = json.loads(done.stdout)
    record.keep("gate", verdict)
    if not verdict["passed"]:
        raise UserError(f"the gate is closed, nothing was measured: {verdict['message']}")


def _measure(arguments: argparse.Namespace, setting: Setting, record: Record) -> None:
    if "gate" in arguments.only:
        _pass_gate(record, setting)
    if "training" in arguments.only:
        rates = floor.rates(setting)
        record.results["rates"] = rates
        _keep_rows(record, "training", training.measure(setting, rates, arguments.networks))
    if "distillation" in arguments.only:
        _keep_rows(record, "distillation", distillation.measure(setting, arguments.networks))
    if "methods" in arguments.only:
        _keep_rows(record, "methods", methods.measure(setting))
    if arguments.grid:
        record.keep("grid", grid.measure(setting))
    if "concurrency" in arguments.only:
        _keep_rows(record, "concurrency", concurrency.measure(setting))
    if "precision" in arguments.only:
        _keep_rows(record, "precision", precision.measure(setting, arguments.networks))
    if "workflow" in arguments.only:
        from bench import overhead

        _keep_rows(record, "workflow", overhead.measure())
    if "study" in arguments.only:
        from bench import whole_study

        _keep_rows(record, "study", whole_study.measure(setting, auto_threads=arguments.auto_threads))


def main() -> int:
    """Measure what the command line asks for; 1 if the gate or a loop failed."""
    from bench.report import table

    arguments = _arguments()
    setting = _setting(arguments)
    description = machine.describe(setting.device)
    name = arguments.name or machine.slug(description, setting.device)
    record = Record(arguments.folder, name, description, setting)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("error: ended from outside"))  # and tidy up
    try:
        _measure(arguments, setting, record)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    finally:  # also of what an interruption left
        print(table(record.results))
    return 0


if __name__ == "__main__":
    sys.exit(main())
