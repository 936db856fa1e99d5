"""What storing the largest logits alone does to losses and students: `python -m bench.top_k DATASET`.

DATASET is a prepared dataset.safetensors; in docs/caching.md that of CIFAR-10, whose images are halved in
size. A teacher is trained on it, and a weaker network. A sample of the tasks of 100 and 1,000 classes is a
pair or a triple of photographs, and its class that of both or all three: its logits are sums of those of the
photographs. So they are logits of a real network on real images, but of classes that are products.
"""

import argparse
import itertools
import json
import sys
from collections.abc import Iterator
from dataclasses import asdict, replace
from datetime import date
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from bench import ours
from bench.images import Pictures
from bench.images import load as load_pictures
from bench.spec import Network
from bench.top_k.losses import BATCH, LOSSES, compare
from bench.top_k.samples import drawn, joined, joined_labels
from bench.top_k.students import Training, student_accuracies
from bench.top_k.ways import WAYS
from kd.evaluation.inference import logits_of
from kd.runtime.device import device_name, set_up_device
from kd.settings.compute import Compute

COUNTS = (5, 20, 50)  # logits that are stored
SAMPLES = 1024  # of which the losses are compared
EPOCHS, WEAK_EPOCHS = 20, 1  # of the teacher, and of the network whose logits stand for a student's


def main() -> None:
    """Print one JSON text: the errors of every loss, way and number of logits; the students' accuracies."""
    settings = _options()
    device = set_up_device(Compute(device="cpu", threads=settings.threads))
    pictures = _some(load_pictures(45_000, settings.dataset), settings.images)
    teacher, weak = (
        _logits(pictures, device, *about)
        for about in ((settings.epochs, (24, 48, 96)), (WEAK_EPOCHS, (16, 32)))
    )
    labels = torch.from_numpy(pictures.labels)
    how = Training(settings.samples, settings.student_epochs, settings.seeds, settings.temperatures)
    images = torch.from_numpy(pictures.images).permute(0, 3, 1, 2).float() / 255
    results = {
        "date": date.today().isoformat(),
        "device": device_name(device),
        "torch": torch.__version__,
        "teacher": {"images": settings.images, "epochs": settings.epochs},
        "training": asdict(how),
        "losses": list(_losses(teacher, weak, labels)),
        "students": list(student_accuracies(images, teacher, labels, COUNTS, how)) if how.seeds else [],
    }
    print(json.dumps(results, indent=1))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.top_k", description=__doc__)
    parser.add_argument("dataset", type=Path)
    parser.add_argument("--images", type=int, default=8000)
    parser.add_argument("--epochs", type=int, default=EPOCHS, help="of the teacher")
    parser.add_argument("--seeds", type=int, default=3, help="of students; 0: none are trained")
    parser.add_argument(
        "--samples", type=int, default=20_000, help="pairs or triples that students learn from"
    )
    parser.add_argument("--student-epochs", type=int, default=8)
    parser.add_argument("--temperatures", type=float, nargs="*", default=[4.0], help="of the students' kd")
    parser.add_argument("--threads", type=int, default=1)
    return parser.parse_args()


def _losses(teacher: Tensor, weak: Tensor, labels: Tensor) -> Iterator[dict[str, Any]]:
    """The errors of every loss, way and number of logits, of 100 and 1,000 classes."""
    for photographs in (2, 3):
        chosen = drawn(SAMPLES, photographs, 0, len(labels), torch.Generator().manual_seed(0))
        known, learning = joined(teacher, chosen), joined(weak, chosen)
        truth = joined_labels(labels, chosen, teacher.shape[1])
        accuracy = 100 * (known.argmax(1) == truth).float().mean().item()
        for name, (way, restore), top_k in itertools.product(LOSSES, WAYS.items(), COUNTS):
            about = {"classes": known.shape[1], "loss": name, "way": way, "top_k": top_k, "teacher": accuracy}
            yield about | {"error": compare(known, learning, truth, restore, top_k, name)}
        print(f"{known.shape[1]} classes done", file=sys.stderr, flush=True)


def _some(pictures: Pictures, count: int) -> Pictures:
    """So many at random, of half the side: each pixel the mean of four, so that networks train in minutes."""
    chosen = torch.randperm(len(pictures.labels), generator=torch.Generator().manual_seed(0))[:count].numpy()
    images = pictures.images[chosen]
    _, height, width, channels = images.shape
    fours = images.reshape(count, height // 2, 2, width // 2, 2, channels)
    shrunk = fours.mean(axis=(2, 4)).round().astype("uint8")
    return replace(pictures, images=shrunk, labels=pictures.labels[chosen], pad=2)


def _logits(pictures: Pictures, device: torch.device, epochs: int, channels: tuple[int, ...]) -> Tensor:
    """Of the training images as they are, (N, 10) float32, of a network that was trained on them."""
    network = ours.build(
        Network(name="cnn", architecture="cnn", options={"channels": channels}), pictures, device
    )
    report = lambda row: print(row, file=sys.stderr, flush=True)  # noqa: E731
    ours.train(network, pictures, device, batch=BATCH, epochs=epochs, report=report)
    images = ours.load_split(pictures, device).images
    samples = torch.arange(images.samples, device=device)
    return torch.cat(list(logits_of(network.eval(), images, samples, images.plain))).float().cpu()


if __name__ == "__main__":
    main()
