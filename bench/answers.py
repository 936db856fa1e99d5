"""A teacher's cached logits beside those of its live network, for the very images that a student sees."""

import tempfile
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from bench import ours
from bench.images import Pictures
from bench.small_task import BATCH
from kd.data.augmentation import Augmentation
from kd.distillation.batch import Output
from kd.runtime.speed import Speed
from kd.teachers.teacher import LiveTeacher, Teacher

EVERY_VIEW = 500  # epochs that see each of 18 views of 1,000 images, but for a chance of 10⁻⁸
# Live and cached logits come from batches of different sizes, in which sums run in another order. What that
# may change, relative to the largest logit of a sample: float32's rounding on a CPU (where none was seen
# at all); elsewhere convolutions may round to TF32 or bfloat16, and each order to another neighbour.
MARGIN = {"cpu": 2.0**-16}
OTHER_MARGIN = 2.0**-6


class Compared:
    """A teacher whose outputs are its cached logits, and which keeps how far they were from its live ones.

    `shift` is added to the number of every view before the cached logits are looked up.
    """

    def __init__(self, stored: Teacher, live: Teacher, worst: Tensor, views: int, shift: int = 0) -> None:
        self._stored, self._live = stored, live
        self._views, self._shift = views, shift
        self.worst = worst  # (N,) float32: the largest `excess` of every sample so far, at first 0

    def start_epoch(self, epoch: int, rows: np.ndarray) -> None:
        """Announce the epoch and its rows (N,) to both."""
        self._live.start_epoch(epoch, rows)
        self._stored.start_epoch(epoch, (rows + self._shift) % self._views)

    def output(self, images: Tensor, indices: Tensor) -> Output:
        """The cached logits."""
        stored, live = (teacher.output(images, indices) for teacher in (self._stored, self._live))
        error = excess(stored.logits, live.logits, MARGIN.get(images.device.type, OTHER_MARGIN))
        # In place, because a CUDA graph replays what is done to tensors and nothing else.
        self.worst[indices] = torch.maximum(self.worst[indices], error)
        return stored


def excess(stored: Tensor, live: Tensor, margin: float) -> Tensor:
    """The worst error of each sample in units of what is allowed: (B,) float32, agreement up to 1.

    Allowed of a logit x is float16's rounding, |x|·2⁻¹¹ + 2⁻²⁴ (to the nearest of its normal or subnormal
    numbers), and `margin` times the largest |logit| of the sample. stored, live: (B, classes) float32.
    """
    size = live.abs()
    allowed = size * 2.0**-11 + 2.0**-24 + margin * size.amax(dim=1, keepdim=True)
    return ((stored - live).abs() / allowed).amax(dim=1)


def compare(
    network: nn.Module,
    student: nn.Module,
    pictures: Pictures,
    device: torch.device,
    *,
    epochs: int,
    shift: int,
    compile: str = "auto",
) -> Tensor:
    """Train `student` with the cached logits of `network`; the largest `excess` of every sample, (N,).

    The table is filled, stored, read and looked up by the workflow's own code, for every view.
    """
    views, samples = Augmentation(pictures.pad, pictures.flip).count, len(pictures.labels)
    with tempfile.TemporaryDirectory() as folder:
        speed = ours.usual_speed(device, BATCH, compile)
        precision = Speed(bf16=speed.bf16)  # as the live one runs
        stored = ours.stored_teacher(network, pictures, device, EVERY_VIEW, Path(folder), precision)
        worst = torch.zeros(samples, device=device)
        teacher = Compared(stored, LiveTeacher(network), worst, views, shift)
        settings = {"batch": BATCH, "epochs": epochs, "speed": speed}
        ours.train(student, pictures, device, **settings, teacher=teacher, report=lambda row: None)
    return teacher.worst.cpu()
