"""One loop in a process of its own: `python -m bench.worker SPEC`, with SPEC as in spec.py, as JSON.

Sets the loop up; then, for each line "go" on standard input, it does one repetition and writes one line of
JSON to standard output. Everything else that it has to say goes to standard error.
"""

import json
import os
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from bench.images import load
from bench.spec import Spec


class Turns:
    """The conversation with whoever started this process."""

    def __init__(self) -> None:
        self._answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
        os.dup2(2, 1)  # what a library prints must not be taken for an answer

    def wait(self) -> None:
        """Sleep until the next repetition is asked for; leave when nobody will ask any more."""
        if sys.stdin.readline().strip() != "go":
            raise SystemExit

    def report(self, row: dict[str, float]) -> None:
        """Answer with what the repetition gave, and wait for the next."""
        print(json.dumps(row), file=self._answers, flush=True)
        self.wait()


def _reference(spec: Spec, turns: Turns) -> None:
    """The usual loop, in a process that nothing of ours has set up."""
    import torch

    from bench import reference
    from kd.networks.factory import build_network

    torch.set_num_threads(spec.setting.threads)
    torch.manual_seed(0)
    pictures = replace(load(spec.images, spec.setting.dataset), mixed=spec.mixed)
    shape = pictures.images.shape[-1], pictures.classes
    student, teacher = (
        network and build_network(network.architecture, network.options, *shape)
        for network in (spec.network, spec.teacher)
    )
    rows = reference.train(
        student,
        pictures.images,
        pictures.labels,
        epochs=spec.repetitions,
        mean=pictures.mean,
        std=pictures.std,
        device=torch.device(spec.setting.device),
        batch=spec.batch,
        pad=pictures.pad,
        flip=pictures.flip,
        mixed=pictures.mixed,
        teacher=teacher,
        tuned=spec.loop == "tuned",
    )
    turns.wait()
    for row in rows:
        turns.report(row)


def _speed(spec: Spec, device: Any) -> Any:
    """What our engine would use for a whole training."""
    from bench import ours

    return ours.usual_speed(device, spec.batch, spec.setting.compile, spec.setting.precision)


def _ours(spec: Spec, turns: Turns) -> None:
    """Our engine, which is stopped between two epochs by a report that does not return."""
    from bench import ours

    device = ours.set_up_device(spec.setting.device, spec.setting.threads)
    pictures = replace(load(spec.images, spec.setting.dataset), mixed=spec.mixed)
    model, teacher = ours.build(spec.network, pictures, device), None
    if spec.contiguous:
        ours.make_contiguous(model)
    with tempfile.TemporaryDirectory() as folder:
        if spec.loop == "live":
            teacher = ours.live_teacher(spec.teacher, pictures, device)
        if spec.loop == "cached":
            # Whose answers are stored makes no difference to the student's speed: a second student's
            # take the least time to prepare.
            twin = ours.build(spec.network, pictures, device)
            teacher = ours.stored_teacher(twin, pictures, device, spec.repetitions, Path(folder))
        turns.wait()
        settings = {"batch": spec.batch, "epochs": spec.repetitions, "teacher": teacher}
        settings["speed"] = _speed(spec, device)
        ours.train(model, pictures, device, **settings, report=turns.report)


def _method(spec: Spec, turns: Turns) -> None:
    """Our engine with one method and what that has of a teacher."""
    from bench import ours

    device = ours.set_up_device(spec.setting.device, spec.setting.threads)
    pictures = replace(load(spec.images, spec.setting.dataset), mixed=spec.mixed)
    model = ours.build(spec.network, pictures, device)
    with tempfile.TemporaryDirectory() as folder:
        prepared = spec.method, model, spec.teacher, pictures, device, spec.repetitions, Path(folder)
        method, teacher = ours.prepared_method(*prepared, spec.batch)
        turns.wait()
        settings = {"batch": spec.batch, "epochs": spec.repetitions, "teacher": teacher, "method": method}
        settings["speed"] = _speed(spec, device)
        ours.train(model, pictures, device, **settings, report=turns.report)


def _targets(spec: Spec, turns: Turns) -> None:
    """A teacher's answers to one view of every image."""
    from bench import ours

    device = ours.set_up_device(spec.setting.device, spec.setting.threads)
    pictures = replace(load(spec.images, spec.setting.dataset), mixed=spec.mixed)
    model = ours.build(spec.network, pictures, device)
    speed = ours.usual_targets_speed(device, spec.setting.compile)
    with tempfile.TemporaryDirectory() as folder:
        turns.wait()
        ours.time_targets(model, pictures, device, spec.repetitions, Path(folder), turns.report, speed)


def _rates(spec: Spec, turns: Turns) -> None:
    """What the machine can do at best."""
    from bench import floor

    turns.wait()
    for _ in range(spec.repetitions):
        turns.report(floor.probe(spec.setting.device, spec.setting.threads))


LOOPS: dict[str, Callable[[Spec, Turns], None]] = {
    "reference": _reference,
    "tuned": _reference,
    "ours": _ours,
    "cached": _ours,
    "live": _ours,
    "method": _method,
    "targets": _targets,
    "rates": _rates,
}


if __name__ == "__main__":
    spec = Spec.model_validate_json(sys.argv[1])
    LOOPS[spec.loop](spec, Turns())
