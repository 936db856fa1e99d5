"""All students of all teachers: stored targets against live teachers over whole trainings, for GPUs."""

from collections.abc import Sequence
from typing import Any

from bench.distillation import BATCH
from bench.images import FLIP, PAD
from bench.interleave import interleave
from bench.spec import Setting, Spec, command, network
from bench.statistics import column, stat
from kd.data.augmentation import Augmentation
from kd.data.rows import Rows

TEACHERS = ("resnet18", "preact_resnet18", "vgg16", "mobilenet", "googlenet", "densenet")
STUDENTS = ("resnet8x4", "shufflenetv2", "cnn", "mobilenet", "mobilenet_quarter", "resnet18_quarter")
EPOCHS = 200  # of a training, as in pytorch-cifar
IMAGES = {"cuda": 10_000, "cpu": 256}  # of a repetition: enough, since epochs are as long as their images
SAMPLES = 1000  # over which the number of views that a training needs is averaged
Seconds = dict[tuple[str, str], dict[str, Any]]


def measure(
    setting: Setting,
    teachers: Sequence[str] = TEACHERS,
    students: Sequence[str] = STUDENTS,
    epochs: int = EPOCHS,
) -> dict[str, Any]:
    """The whole grid in seconds for `images` images, from measured epochs.

    "ratio" is the live-teacher trainings of all pairs over one table for each teacher and the trainings of
    all pairs on them. A table holds the views that one training of `epochs` sees, "views" on average of each
    image. Epochs are steps times the seconds of a step: what starting a DataLoader costs is left out, since
    it would weigh more in these short epochs than in whole ones.
    """
    images = setting.images or IMAGES[setting.device]
    live, cached = _student_epochs(setting, teachers, students, images)
    tables = _target_epochs(setting, teachers, images)
    views = Rows(Augmentation(PAD, FLIP), 0, SAMPLES).needed(epochs).sum() / SAMPLES
    sums = {
        "live_seconds": epochs * sum(pair["median"] for pair in live.values()),
        "tables_seconds": views * sum(epoch["median"] for epoch in tables.values()),
        "students_seconds": epochs * len(teachers) * sum(epoch["median"] for epoch in cached.values()),
    }
    ratio = sums["live_seconds"] / (sums["tables_seconds"] + sums["students_seconds"])
    return {
        "images": images,
        "batch": BATCH,
        "epochs": epochs,
        "views": views,
        "teachers": [{"teacher": name, "targets": epoch} for name, epoch in tables.items()],
        "students": [{"student": name, "ours_epoch": epoch} for name, epoch in cached.items()],
        "pairs": [{"teacher": t, "student": s, "reference_epoch": epoch} for (t, s), epoch in live.items()],
        **sums,
        "ratio": ratio,
    }


def _student_epochs(
    setting: Setting, teachers: Sequence[str], students: Sequence[str], images: int
) -> tuple[Seconds, dict[str, dict[str, Any]]]:
    """Epochs of the usual loop by (teacher, student), and of ours by student: stored answers are alike."""
    live, cached = {}, {}
    shared = {"setting": setting, "images": images, "batch": BATCH, "repetitions": setting.repeats + 1}
    for student in students:
        commands = {"cached": command(Spec(loop="cached", network=network(student), **shared))}
        for teacher in teachers:
            pair = {"network": network(student), "teacher": network(teacher)}
            commands[teacher] = command(Spec(loop="reference", **pair, **shared))
        rows = interleave(f"grid, student {student}", commands, setting.repeats)
        steps = -(-images // BATCH)
        epochs = {name: stat([steps * s for s in column(rows[name], "step_seconds")]) for name in rows}
        cached[student] = epochs.pop("cached")
        live |= {(teacher, student): epoch for teacher, epoch in epochs.items()}
    return live, cached


def _target_epochs(setting: Setting, teachers: Sequence[str], images: int) -> dict[str, dict[str, Any]]:
    """Seconds to compute the targets of one view of every image, by teacher."""
    shared = {"setting": setting, "images": images, "batch": BATCH, "repetitions": setting.repeats + 1}
    commands = {name: command(Spec(loop="targets", network=network(name), **shared)) for name in teachers}
    rows = interleave("grid, targets", commands, setting.repeats)
    return {name: stat(column(repetitions, "seconds")) for name, repetitions in rows.items()}
