"""What is tried on the stand-in, by name: `python cases.py WHAT [NAME ...]` writes a JSON line for each."""

import functools
import json
import sys
import time
from collections.abc import Callable, Iterator

import on_stub
import torch
from cases_engine import engine
from on_stub import Case

from kd.data.augmentation import Augmentation
from kd.distillation.base import Distillation
from kd.distillation.batch import Batch
from kd.distillation.combined import build_method
from kd.evaluation.metrics import evaluate
from kd.networks.size import size_of
from kd.registry import architectures, method_names
from kd.runtime.device import set_up_device
from kd.runtime.speed import Speed
from kd.settings.compute import Compute
from kd.teachers.teacher import LiveTeacher

PAIRS = [
    ("resnet18", "resnet8x4"),
    ("vgg16", "mobilenet"),
    ("googlenet", "cnn"),
    ("densenet", "shufflenetv2"),
    ("preact_resnet18", "vgg16"),
]
LIBRARIES = ["resnet18", "convnext_tiny", "vit_b_16", "swin_t", "efficientnet_v2_s"]
BF16 = Speed(bf16=True)


def methods() -> Iterator[Case]:
    """Every method on pairs of like and unlike stages."""
    for name in method_names():
        for teacher, student in PAIRS:
            if name.startswith("sd_") and "vgg16" in (teacher, student):
                continue  # it ends with maps of one pixel, which have no regions
            yield f"{name}: {teacher} -> {student}", functools.partial(_method, name, teacher, student)


def _method(name: str, teacher: str, student: str) -> list[str]:
    data, learns = on_stub.split(), on_stub.network(student)
    teaches = on_stub.network(teacher, 0.125).eval().requires_grad_(False)
    return on_stub.steps(learns, *on_stub.prepared(name, teaches, learns, data), data, BF16)


def _augmented(how: Augmentation) -> list[str]:
    """Everything that is random in a step follows from numbers on the device."""
    data, learns = on_stub.split(augmentation=how), on_stub.network("cnn")
    teaches = on_stub.network("resnet8x4", 0.125).eval().requires_grad_(False)
    method = build_method("kd", {}).to(on_stub.DEVICE)
    return on_stub.steps(learns, method, LiveTeacher(teaches), data, BF16)


def networks() -> Iterator[Case]:
    """Every architecture: trained, evaluated in both precisions, and measured."""
    for name in [*architectures(), *(f"torchvision/{name}" for name in LIBRARIES)]:
        yield name, functools.partial(_network, name)


def _network(name: str) -> list[str]:
    data, model = on_stub.split(), on_stub.network(name)
    method = build_method("cross_entropy", {}).to(on_stub.DEVICE)
    complaints = on_stub.steps(model, method, None, data, BF16)
    for speed in (BF16, Speed()):
        with speed.autocast(on_stub.DEVICE):
            evaluate(model, data.images, data.labels)
    size_of(model, data.images.take(torch.zeros(1, dtype=torch.int64, device=on_stub.DEVICE), 0))
    return complaints


def quick() -> Iterator[Case]:
    """A few of each kind, in seconds; all whole trainings."""
    yield from engine()
    resized = Augmentation(flip=True, area=(0.1, 1), trivial_augment=True, cutmix=1.0, views=4)
    for title, how in {
        "RandAugment and mixup": on_stub.AUGMENTED,
        "versions of resized crops": resized,
    }.items():
        yield title, functools.partial(_augmented, how)
    for name, pair in (
        ("kd", PAIRS[0]),
        ("ft", PAIRS[0]),
        ("fsp", PAIRS[0]),
        ("ab", PAIRS[4]),
        ("ofd", PAIRS[0]),
        ("crd", PAIRS[2]),
        ("vkd", PAIRS[0]),
        ("mgd", PAIRS[1]),
        ("semckd", PAIRS[3]),
        ("diffkd", PAIRS[0]),
        ("nd", PAIRS[1]),
        ("sskd", PAIRS[2]),
        ("fcfd", PAIRS[0]),
        ("norm", PAIRS[0]),
    ):
        yield f"{name}: {pair[0]} -> {pair[1]}", functools.partial(_method, name, *pair)
    for name in ("resnet8x4", "torchvision/vit_b_16"):
        yield name, functools.partial(_network, name)


class Wrong(Distillation):
    """Cross-entropy, with what no step may do."""

    def __init__(self, mistake: Callable[[torch.Tensor], torch.Tensor]) -> None:
        super().__init__()
        self._mistake = mistake

    def losses(self, batch: Batch) -> dict[str, torch.Tensor]:
        loss = torch.nn.functional.cross_entropy(batch.student.logits, batch.labels)
        return {"ce": loss + self._mistake(batch.student.logits)}


def wrong() -> Iterator[Case]:
    """Mistakes that have to be noticed: else nothing here shows anything."""
    pool = torch.nn.functional.adaptive_avg_pool2d
    mistakes = {
        "a number is read back": lambda logits: logits.sum() * logits.mean().item(),
        "a tensor of the host": lambda logits: (logits + torch.ones(logits.shape)).sum(),
        "a copy from the host": lambda logits: (logits + torch.ones(logits.shape).to(logits.device)).sum(),
        "an order that is not fixed": lambda logits: pool(
            logits[:, None, :, None].expand(-1, 1, -1, 10), 3
        ).sum(),
    }
    for name, mistake in mistakes.items():
        yield name, functools.partial(_wrong, Wrong(mistake))


def _wrong(method: Distillation) -> list[str]:
    return on_stub.steps(on_stub.network("cnn"), method.to(on_stub.DEVICE), None, on_stub.split(), BF16)


def main(what: str, *only: str) -> None:
    """Runs the cases of this kind, or those whose names begin with one of `only`."""
    on_stub.patch()
    set_up_device(Compute(device="cuda", slots_per_device=64))
    for name, work in KINDS[what]():
        if only and not name.startswith(only):
            continue
        started = time.monotonic()
        complaints = on_stub.complaints_of(work)
        line = {"name": name, "complaints": complaints, "seconds": round(time.monotonic() - started, 2)}
        print(json.dumps(line), flush=True)


def scripts() -> Iterator[Case]:
    """The scripts of the workflow, which need more libraries than the other cases."""
    import cases_scripts

    return cases_scripts.scripts()


KINDS = {
    "methods": methods,
    "networks": networks,
    "engine": engine,
    "scripts": scripts,
    "quick": quick,
    "wrong": wrong,
}

if __name__ == "__main__":
    main(*sys.argv[1:])
