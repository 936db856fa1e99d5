"""The usual training loop, written plainly as people write it, to be measured beside ours.

Without a teacher it is pytorch-cifar's: PIL images and torchvision transforms in a DataLoader with two
workers, float32 in PyTorch's own memory order, `.item()` of the loss and of the correct answers in every
step. With a teacher it is RepDistiller's: the same, and the teacher runs in every step. `tuned` is what
PyTorch's tuning guide makes of it on a GPU. Nothing of ours is in here but the networks.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

from bench.images import ALPHA, AREA
from kd.runtime.hardware import cpu_count

WORKERS = 2
TEMPERATURE, CE_WEIGHT, KD_WEIGHT = 4.0, 0.1, 0.9


class TransformedImages(Dataset):
    """Images (N, H, W, C) uint8 with one or three channels and labels (N,), one pair at a time."""

    def __init__(self, images: np.ndarray, labels: np.ndarray, transform: Callable) -> None:
        # PIL wants grey images without the channel.
        self.images = images.squeeze(-1) if images.shape[-1] == 1 else images
        self.labels, self.transform = labels, transform

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        return self.transform(Image.fromarray(self.images[index])), int(self.labels[index])


def train(
    model: nn.Module,
    images: np.ndarray,
    labels: np.ndarray,
    *,
    epochs: int,
    mean: Sequence[float],
    std: Sequence[float],
    device: torch.device,
    batch: int = 128,
    pad: int = 4,
    flip: bool = True,
    lr: float = 0.1,
    cosine: bool = False,
    teacher: nn.Module | None = None,
    temperature: float = TEMPERATURE,
    tuned: bool = False,
    mixed: bool = False,
) -> Iterator[dict[str, float]]:
    """Train `model` in place, an epoch for each row that is asked for.

    images: (N, H, W, C) uint8, labels: (N,); mean and std per channel, of pixels in [0, 1]; `pad` in pixels.
    `mixed`: resized crops and mixup, as timm's and torchvision's recipes have them, instead of padded crops.
    The learning rate stays at `lr`, or falls to 0 as a cosine. Rows: "seconds" of the whole epoch with the
    start of the DataLoader, "step_seconds" a step counted from the arrival of the first batch, "loss" in
    nats and "accuracy" in percent, both means over the images as they were in passing.
    """
    torch.backends.cudnn.benchmark = True  # as pytorch-cifar has it; without a meaning on a CPU
    data = TransformedImages(
        images, labels, _transform(images.shape[1], None if mixed else pad, flip, mean, std)
    )
    loader = _tuned_loader(data, batch, device) if tuned else _usual_loader(data, batch)
    model.to(device, memory_format=torch.channels_last if tuned else torch.preserve_format)
    if teacher is not None:
        teacher.to(device, memory_format=torch.channels_last if tuned else torch.preserve_format).eval()
    optimizer = torch.optim.SGD(model.parameters(), lr=lr, momentum=0.9, weight_decay=5e-4)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=epochs)
    one_epoch = _tuned_epoch if tuned else partial(_usual_epoch, mixed=mixed)
    for _ in range(epochs):
        model.train()
        yield one_epoch(model, loader, optimizer, partial(_loss, teacher, temperature=temperature), device)
        if cosine:
            scheduler.step()


def accuracy(
    model: nn.Module,
    images: np.ndarray,
    labels: np.ndarray,
    *,
    mean: Sequence[float],
    std: Sequence[float],
    device: torch.device,
    batch: int = 128,
) -> float:
    """In percent, of `model` as it is; images and labels as of `train`."""
    transform = transforms.Compose([transforms.ToTensor(), transforms.Normalize(mean, std)])
    loader = DataLoader(TransformedImages(images, labels, transform), batch_size=batch, num_workers=WORKERS)
    model.to(device).eval()
    correct = 0
    with torch.no_grad():
        for inputs, classes in loader:
            correct += model(inputs.to(device)).max(1)[1].eq(classes.to(device)).sum().item()
    return 100 * correct / len(labels)


def _transform(
    size: int, pad: int | None, flip: bool, mean: Sequence[float], std: Sequence[float]
) -> Callable:
    resized = transforms.RandomResizedCrop(size, scale=AREA)
    steps = [resized if pad is None else transforms.RandomCrop(size, padding=pad)]
    steps += [transforms.RandomHorizontalFlip()] if flip else []
    return transforms.Compose([*steps, transforms.ToTensor(), transforms.Normalize(mean, std)])


def _usual_loader(data: Dataset, batch: int) -> DataLoader:
    return DataLoader(data, batch_size=batch, shuffle=True, num_workers=WORKERS)


def _tuned_loader(data: Dataset, batch: int, device: torch.device) -> DataLoader:
    return DataLoader(
        data,
        batch_size=batch,
        shuffle=True,
        num_workers=cpu_count(),
        pin_memory=device.type == "cuda",
        persistent_workers=True,
    )


def _loss(
    teacher: nn.Module | None,
    inputs: Tensor,
    outputs: Tensor,
    labels: Tensor,
    temperature: float = TEMPERATURE,
) -> Tensor:
    """Cross-entropy; with a teacher 0.1 of it and 0.9 of T² · KL."""
    loss = functional.cross_entropy(outputs, labels)
    if teacher is None:
        return loss
    with torch.no_grad():
        answers = teacher(inputs)
    log_p = functional.log_softmax(outputs / temperature, dim=1)
    p_teacher = functional.softmax(answers / temperature, dim=1)
    divergence = functional.kl_div(log_p, p_teacher, reduction="batchmean") * temperature**2
    return CE_WEIGHT * loss + KD_WEIGHT * divergence


def _usual_epoch(
    model: nn.Module,
    loader: DataLoader,
    optimizer: torch.optim.Optimizer,
    criterion: Callable,
    device: torch.device,
    mixed: bool = False,
) -> dict[str, float]:
    started, first = _now(device), None
    total_loss, correct = 0.0, 0
    for inputs, labels in loader:
        first = first or _now(device)
        inputs, labels = inputs.to(device), labels.to(device)
        others = labels
        if mixed:
            share, order = np.random.beta(ALPHA, ALPHA), torch.randperm(len(labels), device=device)
            inputs, others = share * inputs + (1 - share) * inputs[order], labels[order]
        optimizer.zero_grad()
        outputs = model(inputs)
        loss = criterion(inputs, outputs, labels)
        if mixed:  # with a teacher that runs once for both labels
            labelled = partial(functional.cross_entropy, outputs)
            loss = loss + CE_WEIGHT * (1 - share) * (labelled(others) - labelled(labels))
        loss.backward()
        optimizer.step()
        total_loss += loss.item() * len(labels)
        correct += outputs.max(1)[1].eq(labels).sum().item()
    return _row(loader, total_loss, correct, started, first, _now(device))


def _tuned_epoch(
    model: nn.Module,
    loader: DataLoader,
    optimizer: torch.optim.Optimizer,
    criterion: Callable,
    device: torch.device,
) -> dict[str, float]:
    started, first = _now(device), None
    total_loss = correct = torch.zeros((), device=device)
    for inputs, labels in loader:
        first = first or _now(device)
        inputs = inputs.to(device, non_blocking=True, memory_format=torch.channels_last)
        labels = labels.to(device, non_blocking=True)
        optimizer.zero_grad()
        with torch.autocast(device.type, torch.bfloat16):
            outputs = model(inputs)
            loss = criterion(inputs, outputs, labels)
        loss.backward()
        optimizer.step()
        total_loss = total_loss + loss.detach() * len(labels)
        correct = correct + outputs.max(1)[1].eq(labels).sum()
    return _row(loader, total_loss.item(), correct.item(), started, first, _now(device))


def _now(device: torch.device) -> float:
    """The clock, once the device has finished its work."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()


def _row(
    loader: DataLoader, loss: float, correct: float, started: float, first: float, ended: float
) -> dict[str, float]:
    images = len(loader.dataset)
    return {
        "seconds": ended - started,
        "step_seconds": (ended - first) / len(loader),
        "loss": loss / images,
        "accuracy": 100 * correct / images,
    }
