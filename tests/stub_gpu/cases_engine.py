"""Whole trainings on the stand-in: streamed, on the second GPU, stopped and resumed, short of memory, not recordable."""

import logging
import tempfile
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import on_stub
import torch
from on_stub import BATCH, Case, network, split
from stored_targets import held
from torch import nn

from kd.data import loader
from kd.data.rows import Rows
from kd.distillation.base import Distillation
from kd.distillation.batch import Batch
from kd.distillation.combined import build_method
from kd.evaluation.metrics import evaluate
from kd.io.log import logger
from kd.runtime.device import memory_explained
from kd.runtime.signals import Stopped, StopSignal
from kd.runtime.speed import Speed
from kd.settings.recipe import Recipe
from kd.teachers.encoding import Encoding
from kd.teachers.reading import FiledTargets
from kd.teachers.store import Filling, open_store
from kd.teachers.teacher import CachedTeacher, LiveTeacher
from kd.training.callback import Callback
from kd.training.checkpoints import Checkpoints
from kd.training.engine import fit

GRAPHED = Speed(bf16=True, graph=True)
LABELS = {"label_smoothing": 0.1, "class_weights": "balanced"}
RECIPES = {
    "sgd": {"weight_decay_on": "weights", "grad_clip": 1.0, "ema": 0.9, **LABELS},
    "adamw": {"optimizer": "adamw", "grad_clip": 1.0, "ema": 0.9, **LABELS},
    "muon": {"optimizer": "muon", "grad_clip": 1.0, "ema": 0.9, **LABELS},
}


def engine() -> Iterator[Case]:
    """What only a whole training shows."""
    yield "two momenta, for labels and distillation", _two_momenta
    for seconds in (0.002, 0.01, 0.03):
        yield f"streamed while a step is recorded, {seconds} s a batch", partial(_streamed, seconds)
    yield "a method that reads a number back, in a network with dropout", _reads_back
    yield "on the second of two GPUs", _second
    yield "stopped and resumed", _resumed
    for top_k in (None, 3):
        yield f"targets read from files, top_k: {top_k}", partial(_filed, top_k)
    for name, keys in RECIPES.items():
        yield f"recipe: {name}", partial(_recipe, keys)
    yield "a batch that does not fit is halved once", _halved
    yield "memory that runs out in training is explained", _explained


def _fit(model: nn.Module, train, epochs: int = 2, method: Distillation | None = None, speed=GRAPHED, **more):
    method = method or build_method("cross_entropy", {})
    validation = split(16, device=train.labels.device)
    recipe = Recipe(epochs=epochs, batch_size=BATCH, lr=0.1)
    return fit(model, method, train, validation, recipe, seed=0, speed=speed, **more)


class Disk:
    """Images that take some time to be read."""

    def __init__(self, samples: int, seconds: float) -> None:
        self._array, self._seconds = np.zeros((samples, 32, 32, 3), np.uint8), seconds
        self.shape = self._array.shape

    def __getitem__(self, samples: np.ndarray) -> np.ndarray:
        time.sleep(self._seconds)
        return self._array[samples]


def _streamed(seconds: float) -> list[str]:
    """Threads read, and hold batches in page-locked memory, while the fourth step is recorded."""
    samples, evaluated = 20 * BATCH, loader.StreamedImages.raw
    loader.StreamedImages.raw = lambda images, indices: torch.zeros(
        (len(indices), 32, 32, 3), dtype=torch.uint8, device=indices.device
    )
    try:
        training = _fit(network("cnn"), split(samples, source=Disk(samples, seconds)), epochs=1)
    finally:
        loader.StreamedImages.raw = evaluated
    return [] if training.replayed else ["no graph"]


class Reading(Distillation):
    """Cross-entropy that looks at its value, as no method may."""

    def losses(self, batch: Batch) -> dict[str, torch.Tensor]:
        loss = nn.functional.cross_entropy(batch.student.logits, batch.labels)
        return {"ce": loss * (2 if loss.item() > 0 else 1)}


def _reads_back() -> list[str]:
    """It goes on as it is, and the log names the line; random numbers can be drawn as before."""
    messages, handler = [], logging.Handler()
    handler.emit = lambda record: messages.append(record.getMessage())
    logger.addHandler(handler)
    model = nn.Sequential(network("cnn"), nn.Dropout(0.5))
    training = _fit(model, split(), method=Reading())
    logger.removeHandler(handler)
    torch.nn.functional.dropout(torch.ones(8, device=on_stub.DEVICE), 0.5, True)
    complaints = ["a graph was recorded"] if training.replayed else []
    wanted = "goes on without a CUDA graph: a step waits for the device in"
    line = next((text for text in messages if text.startswith(wanted)), "")
    return complaints + (
        [] if "cases_engine.py:" in line else [f"the log does not name the line: {messages}"]
    )


def _second() -> list[str]:
    """Tensors that were made on the first would be a mix-up, which PyTorch refuses."""
    device = torch.device("cuda", 1)
    torch.cuda.empty_cache()
    before = torch.cuda.memory_allocated(0)
    torch.cuda.set_device(device)
    torch.cuda.graph.default_capture_stream = (
        None  # of the first GPU, where it was needed before: a job has one
    )
    try:
        train = split(device=device)
        table = np.ones((train.images.augmentation.count, train.images.samples, 10), np.float16)
        teacher = CachedTeacher([held(table, device)], device)
        training = _fit(
            network("resnet8x4", device=device), train, method=build_method("kd", {}), teacher=teacher
        )
        used = [torch.cuda.memory_allocated(number) for number in range(2)]
    finally:
        torch.cuda.set_device(0)
        torch.cuda.graph.default_capture_stream = None
    complaints = [] if training.replayed else ["no graph"]
    return complaints + ([] if used[1] and used[0] == before else [f"memory was taken of {used}"])


def _filed(top_k: int | None) -> list[str]:
    """An epoch ahead, into page-locked memory, while steps are recorded and replayed."""
    train, student = split(), network("resnet8x4")
    rows = Rows(train.images.augmentation, 0, train.images.samples)
    encoding = Encoding(10, top_k)
    with tempfile.TemporaryDirectory() as folder:
        filling = Filling(open_store(Path(folder), "key", rows.samples, encoding), rows.needed(4))
        for part in filling.parts(50):
            logits = torch.arange(10.0) + torch.from_numpy(part % 7)[:, None]
            arrays = encoding.encode(logits)
            filling.add(part, {name: array.numpy() for name, array in arrays.items()})
        device = train.labels.device
        targets = FiledTargets(filling.store.folder, rows.samples, encoding, device, rows.of_epoch, 4)
        teacher = CachedTeacher([targets], device, temperature=3.0)
        training = _fit(student, train, 4, build_method("kd", {}), teacher=teacher)
    return [] if training.replayed else ["no graph"]


class Stops(Callback):
    """Asks the training to end within its second epoch."""

    def __init__(self) -> None:
        self.ending = StopSignal()

    def on_step(self, epoch: int, done: int) -> None:
        if epoch == 2 and done >= 2 * BATCH:
            self.ending.name = "SIGTERM"


def _resumed() -> list[str]:
    """The graph, its optimizer's momentum and the random state of the GPU are there again."""
    stops, complaints = Stops(), []
    with tempfile.TemporaryDirectory() as folder:
        try:
            _fit(
                network("cnn"),
                split(),
                3,
                callback=stops,
                checkpoints=Checkpoints(Path(folder), 1000, stops.ending),
            )
            complaints.append("it was not stopped")
        except Stopped:
            pass
        kept = Checkpoints(Path(folder), 1000, StopSignal())
        tensors = kept.load()[0]
        complaints += [] if "random.cuda" in tensors else ["the random state of the GPU is not kept"]
        complaints += (
            []
            if any(name.startswith("optimizer.momentum_buffer.") for name in tensors)
            else ["no momentum is kept"]
        )
        training = _fit(network("cnn"), split(), 3, checkpoints=kept)
    return complaints + (
        [] if len(training.history) == 3 and training.replayed else ["it did not go on by a graph"]
    )


def _two_momenta() -> list[str]:
    """Two backward passes in one graph, and the state of both momenta."""
    data, model = split(), network("resnet8x4")
    teacher = LiveTeacher(network("resnet8x4").eval().requires_grad_(False))
    method = build_method("kd", {}).to(on_stub.DEVICE)
    recipe = Recipe(epochs=2, batch_size=BATCH, dot=0.075)
    return on_stub.steps(model, method, teacher, data, GRAPHED, recipe)


def _recipe(keys: dict) -> list[str]:
    """All of a step's new parts in one: steps of a graph, a step without a wait, and a whole training by step."""
    data, model = split(), network("resnet8x4")
    recipe = Recipe(epochs=2, batch_size=BATCH, **keys)
    method = build_method("cross_entropy", {}).to(on_stub.DEVICE)
    complaints = on_stub.steps(model, method, None, data, GRAPHED, recipe)
    recipe = Recipe(epochs=2, batch_size=BATCH, schedule_by="step", warmup_epochs=0.5, **keys)
    training = fit(model, method, data, split(16), recipe, seed=0, speed=GRAPHED)
    return complaints + ([] if training.replayed else ["no graph in a whole training"])


def _halved() -> list[str]:
    data, model = split(512), network("resnet18")
    _limit(2**26)
    try:
        sizes = []
        model.register_forward_pre_hook(lambda module, images: sizes.append(len(images[0])))
        for _ in range(2):
            evaluate(model, data.images, data.labels)
    finally:
        _limit(None)
    first, again = sizes[: len(sizes) // 2], sizes[len(sizes) // 2 :]
    return [] if max(again) < max(first) else [f"batches of {sizes}"]


def _explained() -> list[str]:
    train, model = split(512), network("resnet18", 1.0)
    _limit(2**22)
    try:
        with memory_explained():
            _fit(model, train, 1)
    except Exception as error:
        message = str(error)
        return [] if "lower batch_size" in message and "NVIDIA stub GPU" in message else [message]
    finally:
        _limit(None)
    return ["the memory sufficed"]


def _limit(more: int | None) -> None:
    """Let PyTorch take so many more bytes than it has; None: as many as there are."""
    torch.cuda.empty_cache()
    total = torch.cuda.get_device_properties(0).total_memory
    share = 1.0 if more is None else (torch.cuda.memory_reserved() + more) / total
    torch.cuda.set_per_process_memory_fraction(share)
