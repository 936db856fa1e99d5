"""This project's own loops, giving the same rows as the reference: all that bench asks of `kd` is here."""

import copy
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import nn

import cache_targets
from bench.images import ALPHA, AREA, Pictures
from bench.spec import Network
from kd import registry
from kd.data.augmentation import Augmentation
from kd.data.rows import Rows
from kd.data.views import Split, ViewedImages
from kd.distillation.base import Context, Distillation
from kd.distillation.combined import build_method
from kd.monitor.progress import ProgressFile
from kd.networks.factory import build_network
from kd.networks.placement import place
from kd.runtime import device as kd_device
from kd.runtime.speed import Speed, choose_speed
from kd.settings.compute import Compute
from kd.settings.recipe import Recipe
from kd.teachers.encoding import Encoding
from kd.teachers.reading import Targets
from kd.teachers.store import Filling, open_store
from kd.teachers.targets import open_targets, write_note
from kd.teachers.teacher import CachedTeacher, LiveTeacher, Teacher, first_logits
from kd.training.callback import Callback
from kd.training.engine import fit

SEED = 0
VALIDATION = 2  # images: validation is not what is measured, but the engine wants some
KEY = "bench"  # of the table of targets, which lives for one measurement
SLOTS = 64  # jobs that may share a GPU: idle loops hold theirs while another one is measured
EPOCHS, IMAGES, VIEWS = 200, 50_000, 162  # of the training whose length decides what is worth while
Report = Callable[[dict[str, float]], None]


def set_up_device(device: str, threads: int) -> torch.device:
    """Set this process up as the workflow's jobs are, allocator and all."""
    return kd_device.set_up_device(Compute(device=device, threads=threads, slots_per_device=SLOTS))


def usual_speed(device: torch.device, batch: int, compile: str = "auto", precision: str = "auto") -> Speed:
    """What a whole training on CIFAR-10 would use, with nothing but these two set in the config.

    On a CPU auto is float32, as in the usual loop, whatever the network.
    """
    return choose_speed(Compute(compile=compile, precision=precision), device, EPOCHS * -(-IMAGES // batch))


def usual_targets_speed(device: torch.device, compile: str = "auto") -> Speed:
    """The same for the targets of CIFAR-10."""
    steps = VIEWS * IMAGES // cache_targets.BATCH
    return choose_speed(Compute(compile=compile), device, steps, training=False)


def build(network: Network, pictures: Pictures, device: torch.device) -> nn.Module:
    """A freshly initialised network where and as training jobs have it."""
    torch.manual_seed(SEED)
    channels = pictures.images.shape[-1]
    model = build_network(network.architecture, network.options, channels, pictures.classes)
    return place(model, device)


def make_contiguous(model: nn.Module) -> None:
    """Let a network compute on NCHW maps, as networks and images are by default."""
    model.to(memory_format=torch.contiguous_format)
    model.register_forward_pre_hook(lambda _, images: images[0].contiguous())


def train(
    model: nn.Module,
    pictures: Pictures,
    device: torch.device,
    *,
    batch: int,
    epochs: int,
    report: Report,
    teacher: Teacher | None = None,
    method: Distillation | None = None,
    speed: Speed = Speed(),
) -> None:
    """Train for `epochs`; after each, `report` gets "seconds", "step_seconds", "loss" and "accuracy"."""
    steps = -(-len(pictures.labels) // batch)

    class Reporting(Callback):
        def on_epoch(self, row: dict[str, float]) -> None:
            # `seconds` is the training part of the epoch alone, without the validation after it.
            values = {name: row[name] for name in ("seconds", "loss", "images_per_second")}
            report(values | {"step_seconds": row["seconds"] / steps, "accuracy": row["train_accuracy"]})

    fit(
        model,
        method or build_method("kd" if teacher else "cross_entropy", {}),
        load_split(pictures, device),
        load_split(pictures, device, VALIDATION),
        Recipe(epochs=epochs, batch_size=batch, schedule="constant"),
        seed=SEED,
        teacher=teacher,
        speed=speed,
        callback=Reporting(),
    )


def prepared_method(
    name: str,
    student: nn.Module,
    network: Network,
    pictures: Pictures,
    device: torch.device,
    epochs: int,
    folder: Path,
    batch: int,
) -> tuple[Distillation, Teacher | None]:
    """A method as a job prepares it, and the teacher that it needs: two networks where it wants several."""
    options = registry.find_method(name).options.model_fields
    method = build_method(name, {"init_epochs": 1} if "init_epochs" in options else {})
    needs, taught_by, members = set(method.NEEDS) - {"own_stages"}, None, 1 + ("members" in method.NEEDS)
    teacher: Teacher | None = None
    if needs and needs <= {"logits", "members"}:
        # Whose answers are stored makes no difference to the speed: the student's own are the quickest.
        stored = stored_targets(copy.deepcopy(student), pictures, device, epochs, folder)
        teacher = CachedTeacher([stored] * members, device, [1.0] * members)
    elif needs:
        taught_by = build(network, pictures, device)
        options = {"stages": "stages" in needs, "batch_statistics": method.batch_statistics}
        teacher = LiveTeacher(taught_by, **options)
    image = (pictures.images.shape[-1], *pictures.images.shape[1:3])
    data = load_split(pictures, device)
    known = image, pictures.classes, data.labels, epochs, members, batch
    anew = partial(build, network, pictures, device)
    first = teacher and partial(first_logits, teacher, data.images, SEED)
    method.prepare(Context(student, taught_by, *known, new_teacher=anew, teacher_logits=first))
    student.to(device=device, memory_format=torch.channels_last)
    return method.to(device), teacher


def live_teacher(network: Network, pictures: Pictures, device: torch.device) -> Teacher:
    """A teacher that runs in every step."""
    return LiveTeacher(build(network, pictures, device))


def stored_teacher(
    model: nn.Module,
    pictures: Pictures,
    device: torch.device,
    epochs: int,
    folder: Path,
    speed: Speed = Speed(),
) -> Teacher:
    """A teacher of the answers of `model` to all that `epochs` epochs will see."""
    return CachedTeacher([stored_targets(model, pictures, device, epochs, folder, speed)], device)


def stored_targets(
    model: nn.Module,
    pictures: Pictures,
    device: torch.device,
    epochs: int,
    folder: Path,
    speed: Speed = Speed(),
) -> Targets:
    """Those answers, stored below `folder` and opened again."""
    images = load_split(pictures, device).images
    rows = Rows(images.augmentation, SEED, images.samples)
    filling = _fill(folder / "table", KEY, rows.needed(epochs), model.eval(), images, pictures.classes, speed)
    note = folder / "student" / "targets.json"
    write_note(note, filling)
    return open_targets(note, rows, epochs, device)


def time_targets(
    model: nn.Module,
    pictures: Pictures,
    device: torch.device,
    epochs: int,
    folder: Path,
    report: Report,
    speed: Speed = Speed(),
) -> None:
    """Compute what each of `epochs` epochs sees, one view of every image; `report` gets its "seconds"."""
    images = load_split(pictures, device).images
    model.eval()
    for epoch in range(epochs):
        rows = Rows(images.augmentation, SEED, images.samples)
        needed = np.zeros((rows.count(epochs), images.samples), dtype=bool)
        needed[rows.of_epoch(epoch), np.arange(images.samples)] = True
        started = time.perf_counter()
        _fill(folder, f"{KEY}-{epoch}", needed, model, images, pictures.classes, speed)
        report({"seconds": time.perf_counter() - started})


def load_split(pictures: Pictures, device: torch.device, count: int | None = None) -> Split:
    """Pictures as our engine takes them: the first `count`, or all."""
    images, labels = torch.from_numpy(pictures.images[:count]), torch.from_numpy(pictures.labels[:count])
    how = _augmentation(pictures), pictures.mean, pictures.std
    return Split(ViewedImages(images.to(device), *how), labels.to(device))


def _augmentation(pictures: Pictures) -> Augmentation:
    if pictures.mixed:
        return Augmentation(0, pictures.flip, AREA, mixup=ALPHA)
    return Augmentation(pictures.pad, pictures.flip)


def _fill(
    folder: Path,
    key: str,
    needed: np.ndarray,
    model: nn.Module,
    images: ViewedImages,
    classes: int,
    speed: Speed = Speed(),
) -> Filling:
    """Store the answers to the (row, sample) pairs `needed` that the store `key` lacks."""
    filling = Filling(open_store(folder, key, images.samples, Encoding(classes)), needed)
    shown = ProgressFile(None, "[targets]")  # to nobody
    rows = Rows(images.augmentation, SEED, images.samples)
    cache_targets.fill(filling, model, images, rows, speed, "[targets]", shown)
    return filling
