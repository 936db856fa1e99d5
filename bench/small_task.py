"""A real task that takes seconds: handwritten digits, learnt by our engine and by the usual loop."""

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from bench import ours, reference
from bench.images import Pictures
from kd.data.augmentation import Augmentation
from kd.data.preparation.prepare import prepare
from kd.datasets import digits
from kd.distillation.combined import build_method
from kd.evaluation.metrics import evaluate
from kd.networks.factory import build_network
from kd.settings.recipe import Recipe
from kd.training.engine import fit

# So small that it stays below what the images would allow: whatever is wrong with a recipe then shows.
OPTIONS = {"channels": [8, 16]}
EPOCHS, BATCH, LR = 25, 32, 0.1


@dataclass(frozen=True, eq=False)
class Task:
    """Three parts that share no image."""

    train: Pictures
    validation: Pictures
    test: Pictures


def load_task() -> Task:
    """809 images to learn, 90 for validation and 898 for the test; crops from one pixel of padding."""
    raw = digits.load(Path(), test_fraction=0.5)
    data = prepare(raw, validation=0.1, split_seed=0, augmentation=Augmentation(digits.PAD, digits.FLIP))
    tensors, facts = data.tensors(), (len(data.classes), data.mean, data.std, digits.PAD, digits.FLIP)
    return Task(
        *(
            Pictures(tensors[f"{part}_images"], tensors[f"{part}_labels"], *facts)
            for part in ("train", "validation", "test")
        )
    )


def new_student(task: Task, seed: int) -> nn.Module:
    """The network that learns it, with the first weights of `seed`."""
    torch.manual_seed(seed)
    return build_network("cnn", OPTIONS, task.train.images.shape[-1], task.train.classes)


def train_ours(
    task: Task, seed: int, device: torch.device, epochs: int = EPOCHS, compile: str = "auto"
) -> nn.Module:
    """A network trained by our engine, as the workflow's training jobs do it."""
    model = new_student(task, seed).to(device=device, memory_format=torch.channels_last)
    parts = [ours.load_split(part, device) for part in (task.train, task.validation)]
    recipe = Recipe(epochs=epochs, batch_size=BATCH, lr=LR)
    speed = ours.usual_speed(device, BATCH, compile)  # that which is measured
    fit(model, build_method("cross_entropy", {}), *parts, recipe, seed=seed, speed=speed)
    return model


def accuracy_of_ours(task: Task, seed: int, device: torch.device, compile: str = "auto") -> float:
    """Test accuracy in percent after our training, by our evaluation."""
    test = ours.load_split(task.test, device)
    return evaluate(train_ours(task, seed, device, compile=compile), test.images, test.labels).accuracy


def accuracy_of_reference(task: Task, seed: int, device: torch.device) -> float:
    """Test accuracy in percent after the usual loop, counted the usual way."""
    model, data = new_student(task, seed), task.train
    recipe = {"epochs": EPOCHS, "batch": BATCH, "lr": LR, "cosine": True, "device": device}
    shown = {"pad": data.pad, "flip": data.flip, "mean": data.mean, "std": data.std}
    for _ in reference.train(model, data.images, data.labels, **recipe, **shown):
        pass
    return _plain_accuracy(model, task.test, device)


def _plain_accuracy(model: nn.Module, test: Pictures, device: torch.device) -> float:
    """Nothing of ours: a mistake in our evaluation must not hide in both numbers."""
    pixels = torch.from_numpy(test.images).permute(0, 3, 1, 2) / 255
    mean, std = (torch.tensor(values).reshape(1, -1, 1, 1) for values in (test.mean, test.std))
    model.eval()
    with torch.no_grad():
        predicted = model(((pixels - mean) / std).to(device)).argmax(1).cpu()
    return 100 * (predicted == torch.from_numpy(test.labels)).double().mean().item()
