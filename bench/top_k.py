"""What storing the largest logits alone does to losses and students: `python -m bench.top_k DATASET`.

DATASET is a prepared dataset.safetensors; in docs/caching.md that of CIFAR-10, whose images are halved in
size. A teacher is trained on it, and a weaker network. A sample of the tasks of 100 and 1,000 classes is a
pair or a triple of photographs, and its class that of both or all three: its logits are sums of those of the
photographs. So they are logits of a real network on real images, but of classes that are products.
"""

import argparse
import itertools
import json
import math
import statistics
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from bench import ours
from bench.images import Pictures
from bench.images import load as load_pictures
from bench.spec import Network
from kd.distillation.batch import Batch, Output
from kd.distillation.combined import build_method
from kd.evaluation.inference import logits_of
from kd.networks.factory import build_network
from kd.runtime.device import set_up_device
from kd.settings.compute import Compute
from kd.teachers.encoding import Encoding

COUNTS = (5, 20, 50)  # logits that are stored
TEMPERATURES = (1.0, 2.0, 4.0, 8.0)
SAMPLES = 1024  # of which the losses are compared
EPOCHS, WEAK_EPOCHS = 20, 1  # of the teacher, and of the network whose logits stand for a student's
BATCH = 128
MLKD = ("instance_weight", "batch_weight", "class_weight")  # the paper's: all the same
LOSSES: dict[str, tuple[str, dict[str, Any]]] = {
    **{f"kd, T={T:g}": ("kd", {"temperature": T, "ce_weight": 0.0}) for T in TEMPERATURES},
    "kd, T=2, standardized": ("kd", {"temperature": 2.0, "ce_weight": 0.0, "standardize": True}),
    "dkd": ("dkd", {"ce_weight": 0.0}),
    "nkd": ("nkd", {"ce_weight": 0.0}),
    "wsld": ("wsld", {"ce_weight": 0.0}),
    "dist": ("dist", {"ce_weight": 0.0}),
    "mlkd": ("mlkd", {"ce_weight": 0.0, **dict.fromkeys(MLKD, 0.9)}),
    "ctkd": ("ctkd", {"ce_weight": 0.0}),
}
Restore = Callable[[Tensor, int, float], Tensor]


# --- Ways to give back all logits (B, C) of the k largest, for a loss at a temperature.


def own_temperature(logits: Tensor, top_k: int, temperature: float) -> Tensor:
    """As the workflow does it: the others alike, with the right probability in all at this temperature."""
    encoding = Encoding(logits.shape[1], top_k)
    return encoding.decode(encoding.encode(logits), temperature)


def right_at_1(logits: Tensor, top_k: int, temperature: float) -> Tensor:
    """The others alike, with the right probability in all where the temperature is 1."""
    return own_temperature(logits, top_k, 1.0)


def mean_of_others(logits: Tensor, top_k: int, temperature: float) -> Tensor:
    """The others alike: their mean, which is right where the temperature is high."""
    return own_temperature(logits, top_k, 1e9)


def normal_quantiles(logits: Tensor, top_k: int, temperature: float) -> Tensor:
    """The others as quantiles of a normal distribution with their mean and deviation, in a fixed order."""
    values, labels = logits.topk(top_k, dim=1)
    others = torch.ones_like(logits, dtype=torch.bool).scatter(1, labels, False)
    rest = logits[others].view(len(logits), -1)
    count = rest.shape[1]
    quantiles = math.sqrt(2) * torch.erfinv(2 * (torch.arange(count) + 0.5) / count - 1)
    order = torch.randperm(count, generator=torch.Generator().manual_seed(0))
    restored = logits.clone()
    restored[others] = (rest.mean(1, keepdim=True) + rest.std(1, keepdim=True) * quantiles[order]).flatten()
    return restored.scatter(1, labels, values)


WAYS: Mapping[str, Restore] = {
    "own temperature": own_temperature,
    "right at T=1": right_at_1,
    "mean": mean_of_others,
    "quantiles": normal_quantiles,
}


# --- Losses and their gradients.


def compare(
    teacher: Tensor, student: Tensor, labels: Tensor, restore: Restore, top_k: int, name: str
) -> dict[str, float]:
    """Of a loss by restored logits beside that by all of them, (N, C) float32: relative errors, cosine.

    The loss is compared by its mean, the gradient with respect to the student's logits by its norm.
    """
    method = build_method(*LOSSES[name])
    (loss, exact), (other, close) = (
        _loss(method, student, logits, labels)
        for logits in (teacher, restore(teacher, top_k, method.softened_at))
    )
    return {
        "loss": abs(other - loss) / abs(loss),
        "gradient": ((close - exact).norm() / exact.norm()).item(),
        "cosine": nn.functional.cosine_similarity(close.flatten(), exact.flatten(), dim=0).item(),
    }


def _loss(method: Any, student: Tensor, teacher: Tensor, labels: Tensor) -> tuple[float, Tensor]:
    """The mean over batches, and the gradient (N, C)."""
    losses, gradients = [], []
    for part in torch.arange(len(student)).split(BATCH):
        leaf = student[part].clone().requires_grad_()
        runs = (lambda images, leaf=leaf: Output(leaf)), (lambda *_, part=part: Output(teacher[part]))
        batch = Batch(torch.zeros(len(part)), labels[part], part, torch.zeros(()), False, *runs)
        loss = sum(term for key, term in method.losses(batch).items() if key != "ce")
        loss.backward()
        losses.append(loss.item())
        gradients.append(leaf.grad)
    return statistics.mean(losses), torch.cat(gradients)


def products(
    logits: Tensor, labels: Tensor, photographs: int, seed: int = 0
) -> tuple[Tensor, Tensor, Tensor]:
    """Of SAMPLES random pairs or triples: logits (n, 10^p), labels (n,), and the photographs (n, p)."""
    chosen = torch.randint(len(logits), (SAMPLES, photographs), generator=torch.Generator().manual_seed(seed))
    return joined(logits, chosen), _joined_labels(labels, chosen, logits.shape[1]), chosen


def joined(logits: Tensor, chosen: Tensor) -> Tensor:
    """Sums of the logits of the photographs `chosen` (n, p): (n, 10^p), the first one's class counts most."""
    whole = logits[chosen[:, 0]]
    for column in chosen.T[1:]:
        whole = (whole[:, :, None] + logits[column][:, None, :]).flatten(1)
    return whole


def _joined_labels(labels: Tensor, chosen: Tensor, classes: int) -> Tensor:
    whole = labels[chosen[:, 0]]
    for column in chosen.T[1:]:
        whole = whole * classes + labels[column]
    return whole


# --- Students.


def student_accuracies(
    pictures: Pictures, logits: Tensor, labels: Tensor, settings: argparse.Namespace
) -> Iterator[dict[str, Any]]:
    """Accuracy on pairs never seen, in percent, of students that learn 100 classes from stored logits."""
    images = torch.from_numpy(pictures.images).permute(0, 3, 1, 2).float() / 255
    ends = len(images) * 9 // 10
    draw = torch.Generator().manual_seed(1)
    train = torch.randint(ends, (settings.pairs, 2), generator=draw)
    test = torch.randint(ends, len(images), (2000, 2), generator=draw)
    for top_k, temperature in itertools.product((None, *COUNTS), settings.student_temperatures):
        whole = joined(logits, train)
        targets = own_temperature(whole, top_k, temperature) if top_k else whole.half().float()
        known = (
            _joined_labels(labels, train, pictures.classes),
            _joined_labels(labels, test, pictures.classes),
        )
        rows = [
            _student(images, train, test, targets, *known, temperature, seed, settings.student_epochs)
            for seed in range(settings.seeds)
        ]
        yield {"top_k": top_k, "temperature": temperature, "accuracies": rows}
        print(top_k, temperature, rows, file=sys.stderr, flush=True)


def _student(
    images: Tensor,
    train: Tensor,
    test: Tensor,
    targets: Tensor,
    labels: Tensor,
    test_labels: Tensor,
    temperature: float,
    seed: int,
    epochs: int,
) -> float:
    torch.manual_seed(seed)
    network = build_network("cnn", {"channels": [16, 32]}, 2 * images.shape[1], targets.shape[1])
    method = build_method("kd", {"temperature": temperature})
    optimizer = torch.optim.SGD(network.parameters(), 0.1, momentum=0.9, weight_decay=5e-4)
    steps = epochs * -(-len(train) // BATCH)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for _ in range(epochs):
        for part in torch.randperm(len(train)).split(BATCH):
            runs = network_runs(network), lambda *_, part=part: Output(targets[part])
            batch = Batch(_pairs(images, train[part]), labels[part], part, torch.zeros(()), False, *runs)
            optimizer.zero_grad()
            sum(method.losses(batch).values()).backward()
            optimizer.step()
            schedule.step()
    network.eval()
    with torch.inference_mode():
        right = [
            (network(_pairs(images, test[part])).argmax(1) == test_labels[part]).sum().item()
            for part in torch.arange(len(test)).split(1000)
        ]
    return 100 * sum(right) / len(test)


def network_runs(network: nn.Module) -> Callable[[Tensor], Output]:
    """As a batch calls a network."""
    return lambda images: Output(network(images))


def _pairs(images: Tensor, chosen: Tensor) -> Tensor:
    """Two photographs as one image of twice the channels, a pixel each from -1 to 1."""
    return 2 * images[chosen].flatten(1, 2) - 1


# --- All of it.


def main() -> None:
    """Print one JSON text: the errors of every loss, way and number of logits; the students' accuracies."""
    parser = argparse.ArgumentParser(prog="python -m bench.top_k", description=__doc__)
    parser.add_argument("dataset")
    parser.add_argument("--images", type=int, default=8000)
    parser.add_argument("--epochs", type=int, default=EPOCHS, help="of the teacher")
    parser.add_argument("--seeds", type=int, default=3, help="of students; 0: none are trained")
    parser.add_argument("--pairs", type=int, default=8000, help="that students learn from")
    parser.add_argument("--student-epochs", type=int, default=6)
    parser.add_argument("--student-temperatures", type=float, nargs="*", default=[4.0])
    parser.add_argument("--threads", type=int, default=1)
    settings = parser.parse_args()
    device = set_up_device(Compute(device="cpu", threads=settings.threads))
    pictures = _some(load_pictures(45_000, settings.dataset), settings.images)
    teacher, weak = (
        _logits(pictures, device, *about)
        for about in ((settings.epochs, (24, 48, 96)), (WEAK_EPOCHS, (16, 32)))
    )
    labels = torch.from_numpy(pictures.labels)
    rows = []
    for photographs in (2, 3):
        known, truth, _ = products(teacher, labels, photographs)
        learning, _, _ = products(weak, labels, photographs)
        accuracy = 100 * (known.argmax(1) == truth).float().mean().item()
        for name, (way, restore), top_k in itertools.product(LOSSES, WAYS.items(), COUNTS):
            about = {"classes": known.shape[1], "loss": name, "way": way, "top_k": top_k, "teacher": accuracy}
            rows.append(about | {"error": compare(known, learning, truth, restore, top_k, name)})
        print(f"{known.shape[1]} classes done", file=sys.stderr, flush=True)
    results = {"losses": rows, "students": []}
    if settings.seeds:
        results["students"] = list(student_accuracies(pictures, teacher, labels, settings))
    print(json.dumps(results, indent=1))


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
