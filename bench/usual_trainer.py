"""The usual trainer of one student, in a process of its own: `python -m bench.usual_trainer ORDER`.

As RepDistiller's train_student.py goes about it: the teacher is read from a file and evaluated on the test
images, then it runs in every step of the student, which is evaluated after its epoch and saved. ORDER is an
`Order` as JSON; the accuracies of teacher and student, in percent, are written to standard output.
"""

import json
import sys
from pathlib import Path

import torch
from pydantic import BaseModel, ConfigDict

from bench import reference
from bench.spec import Network
from kd.data.dataset import read_dataset
from kd.networks.checkpoint import load_network
from kd.networks.factory import build_network

LR = 0.05


class Order(BaseModel):
    """One student."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    dataset: str  # a prepared dataset.safetensors
    teacher: str  # its model.safetensors
    student: Network
    temperature: float
    batch: int
    threads: int
    device: str = "cpu"


def train(order: Order, folder: Path = Path()) -> dict[str, float]:
    """Train the student for an epoch, and save it in `folder`; its accuracy, and that of the teacher."""
    torch.set_num_threads(order.threads)
    torch.manual_seed(0)
    data, device = read_dataset(Path(order.dataset)), torch.device(order.device)
    pixels = {"mean": data.mean, "std": data.std, "device": device}
    test = data.test_images.numpy(), data.test_labels.numpy()
    # In PyTorch's own memory order, as the usual loops have it.
    teacher = load_network(Path(order.teacher), device).to(memory_format=torch.contiguous_format)
    channels, classes = data.train_images.shape[-1], len(data.classes)
    student = build_network(order.student.architecture, order.student.options, channels, classes)
    accuracies = {"teacher": reference.accuracy(teacher, *test, **pixels)}
    how = data.augmentation
    epochs = reference.train(
        student,
        data.train_images.numpy(),
        data.train_labels.numpy(),
        epochs=1,
        batch=order.batch,
        lr=LR,
        pad=how.pad,
        flip=bool(how.flip),
        teacher=teacher,
        temperature=order.temperature,
        **pixels,
    )
    list(epochs)
    accuracies["student"] = reference.accuracy(student, *test, **pixels)
    torch.save(student.state_dict(), folder / f"student-{order.temperature:g}.pth")
    return accuracies


if __name__ == "__main__":
    print(json.dumps(train(Order.model_validate_json(sys.argv[1]))))
