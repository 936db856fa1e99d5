"""What runs inside a process on the stand-in: a split, networks, methods with teachers, and the steps of all."""

import copy
import ctypes
import functools
import itertools
import traceback
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from stored_targets import held
from torch import nn

from kd.data.augmentation import Augmentation
from kd.data.loader import Loader
from kd.data.streaming import StreamedImages
from kd.data.views import Split, ViewedImages
from kd.distillation import label_loss
from kd.distillation.base import Context, Distillation
from kd.distillation.combined import build_method
from kd.networks.factory import build_network
from kd.registry import find_architecture, find_method
from kd.runtime.speed import Speed
from kd.settings.recipe import Recipe
from kd.teachers.teacher import CachedTeacher, LiveTeacher, Teacher, first_logits
from kd.training import engine
from kd.training.cuda_graph import GraphedStep
from kd.training.step import Step

Case = tuple[str, Callable[[], list[str] | None]]
BATCH, CLASSES = 8, 10
DEVICE = torch.device("cuda", 0)
RECIPE = Recipe(epochs=2, batch_size=BATCH, lr=0.1)
stub = ctypes.CDLL(None)


def patch() -> None:
    """What needs numbers that make sense, or cuDNN."""
    torch.backends.cudnn.enabled = False
    torch.backends.cuda.enable_cudnn_sdp(False)
    torch.set_num_threads(1)
    label_loss.balanced_weights = lambda labels, classes: torch.ones(
        classes, device=labels.device
    )  # it counts
    engine._check_finite = lambda loss, what: None


PADDED = Augmentation(4, True)
AUGMENTED = Augmentation(
    4,
    "alternate",
    pad_mode="reflect",
    colour_jitter=(0.4, 0.4, 0.4, 0.1),
    randaugment=(2, 9),
    erase=0.25,
    cutout=8,
    mixup=0.2,
    cutmix=1.0,
)


def split(
    samples: int = 44,
    side: int = 32,
    device: torch.device = DEVICE,
    source=None,
    augmentation: Augmentation = PADDED,
) -> Split:
    """Random images of ten classes; streamed from `source` where there is one. The last batch is short."""
    random = np.random.default_rng(0)
    labels = torch.from_numpy(np.arange(samples) % CLASSES).to(device)
    how = augmentation, (0.5,) * 3, (0.25,) * 3
    if source is not None:
        return Split(StreamedImages(source, device, *how), labels)
    pixels = torch.from_numpy(random.integers(0, 256, (samples, side, side, 3), dtype=np.uint8))
    return Split(ViewedImages(pixels.to(device), *how), labels)


def network(architecture: str, width: float = 0.25, device: torch.device = DEVICE) -> nn.Module:
    """In channels_last, as the scripts have it."""
    options = {"width": width} if "width" in find_architecture(architecture).options.model_fields else {}
    torch.manual_seed(0)
    return build_network(architecture, options, 3, CLASSES).to(
        device=device, memory_format=torch.channels_last
    )


def prepared(
    name: str, teacher: nn.Module, student: nn.Module, data: Split
) -> tuple[Distillation, Teacher | None]:
    """A method for this pair, with a cached or live teacher as it needs."""
    options = find_method(name).options.model_fields
    method = build_method(name, {"init_epochs": 1} if "init_epochs" in options else {})
    needs, runs, kind = set(method.NEEDS) - {"own_stages"}, None, None
    members = 1 + ("members" in method.NEEDS)
    if needs and needs <= {"logits", "members"}:
        table = np.ones((data.images.augmentation.count, data.images.samples, CLASSES), np.float16)
        kind = CachedTeacher([held(table)] * members, DEVICE, [1.0] * members)
    elif needs:
        runs, kind = (
            teacher,
            LiveTeacher(teacher, stages="stages" in needs, batch_statistics=method.batch_statistics),
        )
    # Labels on the host for crd, which counts them: the stand-in cannot.
    labels = torch.arange(data.images.samples) % CLASSES if name == "crd" else data.labels
    first = kind and functools.partial(first_logits, kind, data.images, 0)

    def anew() -> nn.Module:
        return copy.deepcopy(teacher).train().requires_grad_()

    known = (3, 32, 32), CLASSES, labels, RECIPE.epochs, members, BATCH
    method.prepare(Context(student, runs, *known, new_teacher=anew, teacher_logits=first))
    student.to(device=DEVICE, memory_format=torch.channels_last)
    return method.to(device=DEVICE, memory_format=torch.channels_last), kind


def steps(
    student: nn.Module,
    method: Distillation,
    teacher: Teacher | None,
    data: Split,
    speed: Speed,
    recipe: Recipe = RECIPE,
) -> list[str]:
    """Two epochs by a graph from the first step on, a step in which waiting is an error, a restored state."""
    complaints = []
    for preliminary in ([True] if method.preliminary else []) + [False]:
        student.train(), method.train()
        loader = Loader(data, BATCH, 0, companions=method.COMPANIONS)
        common = student, method, loader, recipe, teacher, speed, preliminary
        graphed, copies = GraphedStep(Step(*common), loader), stub.stub_count(2)
        for epoch in range(2):
            batches = loader.epoch(epoch)
            graphed.start_epoch(epoch, 0.1)
            for batch in batches:
                graphed.set_lr(0.05)  # between two steps, as a schedule by step does
                graphed(batch)
            with graphed.averaged():  # as it is evaluated
                pass
        complaints += ["a copy from the host is recorded in the graph"] * (stub.stub_count(2) > copies)
        complaints += ["no graph"] * (graphed._graph is None)
        step = Step(*common)
        complaints += _waits(step, loader) + _strides(step)
        again = Step(*common)
        again.restore({name: tensor.cpu() for name, tensor in graphed.state().items()})
        _run(again, loader, 1)
    return complaints


def _run(step: Step, loader: Loader, count: int) -> None:
    batches = loader.epoch(1)
    step.start_epoch(1, 0.05)
    for batch in itertools.islice(batches, count):
        step(batch)


def _waits(step: Step, loader: Loader) -> list[str]:
    """Any wait for the device in the second step: what is made at the first use is there by then."""
    batches = loader.epoch(0)
    step.start_epoch(0, 0.1)
    step(next(batches))
    batch = next(batches)
    torch.cuda.set_sync_debug_mode("error")
    try:
        step(batch)
    except RuntimeError as error:
        return [f"waits for the device: {str(error).splitlines()[0]} at {frames(error)}"]
    finally:
        torch.cuda.set_sync_debug_mode("default")
    return []


def _strides(step: Step) -> list[str]:
    """Gradients that lie otherwise than their weights, which the fused update would go through slowly."""
    complaints = []
    for name, parameter in step.optimizer.parameters.items():
        strides = () if parameter.grad is None else parameter.grad.stride()
        sides = zip(parameter.shape, parameter.stride(), strides, strict=False)
        if any(size > 1 and own != other for size, own, other in sides):  # as torch's fused update compares
            complaints.append(f"{name} {tuple(parameter.shape)}: its gradient has strides {strides}")
    return complaints


def frames(error: BaseException, count: int = 2) -> str:
    """The last places of the project in a traceback."""
    places = [frame for frame in traceback.extract_tb(error.__traceback__) if "/kd/" in frame.filename]
    return " < ".join(f"{Path(frame.filename).name}:{frame.lineno}" for frame in places[-count:][::-1])


def complaints_of(work: Callable[[], list[str] | None]) -> list[str]:
    """What is wrong with `work`: its own complaints, an error, warnings of orders that are not fixed, and others."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            complaints = work() or []
        except Exception as error:
            reason = (str(error) or "?").splitlines()[0]
            complaints = [f"{type(error).__name__}: {reason} at {frames(error, 3)}"]
    texts = [str(warning.message).splitlines()[0] for warning in caught]
    order = sorted({text for text in texts if "deterministic implementation" in text})
    return complaints + order + sorted({text for text in texts if "prototype" not in text} - set(order))
