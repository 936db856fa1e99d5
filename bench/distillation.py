"""Distilling: stored targets, their making included in the bill, beside loops that run the teacher."""

from collections.abc import Collection, Iterator
from typing import Any

import torch

from bench.images import CHANNELS, CLASSES, SIDE
from bench.interleave import interleave
from bench.spec import Setting, Spec, command, network
from bench.statistics import column, ratios, stat
from kd.networks.factory import build_network
from kd.networks.size import count_macs

PAIRS = (("resnet18", "resnet8x4"), ("googlenet", "resnet8x4"), ("densenet", "shufflenetv2"))
STUDENTS = 6  # of one teacher
BATCH = 64
CPU_IMAGES = {"googlenet": 256}
OTHER_CPU_IMAGES, GPU_IMAGES = 512, 50_000


def measure(setting: Setting, teachers: Collection[str]) -> Iterator[dict[str, Any]]:
    """One row for each pair with one of these `teachers`: what its six students cost, in seconds an epoch.

    Every view that is needed is visited once per student, the least favourable case for stored targets:
    the teacher's whole epoch is paid for one epoch of each student.
    "ratio" is six live-teacher epochs of the usual loop over our bill: one epoch of targets and six of
    students. "ceiling" is what a live teacher costs by work alone, and "share" the ratio over it;
    "billed_ceiling" is the most that work alone allows once the targets are in the bill.
    The last row is the first pair with resized crops and mixup ("mixed"): its targets are stored by visit.
    """
    every = (*((*pair, False) for pair in PAIRS), (*PAIRS[0], True))
    for teacher, student, mixed in (row for row in every if row[0] in teachers):
        images = setting.images or images_of(teacher, setting.device)
        commands = _commands(teacher, student, images, setting, mixed=mixed)
        rows = interleave(f"distilling {teacher} to {student}", commands, setting.repeats)
        row = {"teacher": teacher, "student": student, "students": STUDENTS, "batch": BATCH, "images": images}
        row |= {"mixed": True} if mixed else {}
        row |= _summary({loop: column(repetitions, "seconds") for loop, repetitions in rows.items()})
        best = ceiling(teacher, student)
        row |= {"ceiling": best, "billed_ceiling": billed_ceiling(teacher, student, STUDENTS)}
        yield row | {"share": row["ratio"]["median"] / best}


def images_of(teacher: str, device: str) -> int:
    """Images of a repetition: on a CPU the usual loop shall take some seconds for them."""
    return GPU_IMAGES if device == "cuda" else CPU_IMAGES.get(teacher, OTHER_CPU_IMAGES)


def ceiling(teacher: str, student: str) -> float:
    """The work of a student with a live teacher over that of the same student as a baseline.

    A step of the student is three times its forward pass (backward is twice as much again), a live
    teacher adds one forward pass of its own: 1 + T / 3S in multiply-accumulates.
    """
    return 1 + _forward_share(teacher, student)


def billed_ceiling(teacher: str, student: str, students: int) -> float:
    """The same for `students` of them, whose one table of targets costs one forward pass of the teacher."""
    share = _forward_share(teacher, student)
    return students * (1 + share) / (students + share)


def _forward_share(teacher: str, student: str) -> float:
    return _macs(teacher) / (3 * _macs(student))


def _macs(name: str) -> int:
    chosen = network(name)
    model = build_network(chosen.architecture, chosen.options, CHANNELS, CLASSES)
    return count_macs(model, torch.zeros(1, CHANNELS, SIDE, SIDE))


def _commands(
    teacher: str, student: str, images: int, setting: Setting, *, mixed: bool
) -> dict[str, list[str]]:
    shared = {"setting": setting, "images": images, "batch": BATCH, "repetitions": setting.repeats + 1}
    shared["mixed"] = mixed
    pair = {"network": network(student), "teacher": network(teacher)}
    return {
        "reference": command(Spec(loop="reference", **pair, **shared)),
        "targets": command(Spec(loop="targets", network=network(teacher), **shared)),
        "cached": command(Spec(loop="cached", network=network(student), **shared)),
        "live": command(Spec(loop="live", **pair, **shared)),
    }


def _summary(seconds: dict[str, list[float]]) -> dict[str, Any]:
    """Epochs in seconds, and the ratio of the bills, repetition by repetition."""
    theirs = [STUDENTS * epoch for epoch in seconds["reference"]]
    pairs = zip(seconds["targets"], seconds["cached"], strict=True)
    bill = [targets + STUDENTS * epoch for targets, epoch in pairs]
    return {
        "reference_epoch": stat(seconds["reference"]),
        "ours_epoch": stat(seconds["cached"]),
        "live_epoch": stat(seconds["live"]),
        "targets": stat(seconds["targets"]),
        "ratio": stat(ratios(theirs, bill)),
        "cached_over_live": stat(ratios(seconds["live"], seconds["cached"])),
    }
