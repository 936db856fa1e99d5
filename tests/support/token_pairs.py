"""One step of every method that reads feature maps, on pairs of a tiny CNN and tiny networks of tokens.

    PYTHONPATH=workflow/scripts python tests/support/token_pairs.py

writes the table of docs/methods.md.
"""

from functools import cache
from pathlib import Path

import torch
from parts import real_batch
from token_networks import CLASSES, SIDE, tiny

from kd.distillation.base import Context
from kd.distillation.combined import build_method
from kd.errors import UserError
from kd.networks.factory import build_network
from kd.registry import find_method, methods

PAGE = Path(__file__).parents[2] / "docs" / "methods.md"
FIRST = "| method | CNN → ViT |"
PAIRS = {  # teacher, student
    "CNN → ViT": ("cnn", "vit"),
    "ViT → CNN": ("vit", "cnn"),
    "ViT → ViT": ("vit", "vit"),
    "CNN → Swin": ("cnn", "swin"),
    "Swin → CNN": ("swin", "cnn"),
    "CNN → Mixer": ("cnn", "mixer"),
}
READS_FEATURES = {"stages", "own_stages", "network"}
NAMES = [
    name
    for name, entry in methods().items()
    if READS_FEATURES & set(entry.constants["NEEDS"]) and "members" not in entry.constants["NEEDS"]
]
LABELS = torch.tensor([0, 3, 5, 0])


@cache
def network(kind, role):
    return new(kind, role)


def new(kind, role):
    if kind != "cnn":
        return tiny(kind, seed=len(role))
    torch.manual_seed(len(role))
    return build_network("cnn", {"channels": (6, 8, 10)}, 3, CLASSES)


def step(name, pair):
    """The terms of one step by phase, after it went backwards; UserError for what cannot be paired."""
    of_teacher, of_student = PAIRS[pair]
    teacher = network(of_teacher, "teacher").eval().requires_grad_(False)
    student = network(of_student, "a student").train()
    if find_method(name).constants.get("CHANGES_STUDENT"):
        network.cache_clear()  # the next one gets a student of its own
    torch.manual_seed(0)
    method = build_method(name, {})
    labels = torch.arange(20) % CLASSES
    known = (3, SIDE, SIDE), CLASSES, labels, 3
    method.prepare(Context(student, teacher, *known, new_teacher=lambda: new(of_teacher, "peer")))
    images = torch.randn(4, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(1))
    terms = []
    for preliminary in [True, False][not method.preliminary :]:
        student.zero_grad()
        terms.append(method.losses(real_batch(student, teacher, images, LABELS, preliminary=preliminary)))
        sum(terms[-1].values()).backward()
    return terms, student, method


def result(name, pair):
    """`yes`, or why not."""
    try:
        step(name, pair)
    except UserError as error:
        return f"no: {error}"
    return "yes"


def table(results):
    """The table of the page, and the reasons below it."""
    lines = [f"| method | {' | '.join(PAIRS)} |", f"|---|{'---|' * len(PAIRS)}"]
    reasons = {}
    for name in NAMES:
        cells = []
        for pair in PAIRS:
            answer = results[name, pair]
            if answer != "yes":
                answer = f"no ({reasons.setdefault(answer, len(reasons) + 1)})"
            cells.append(answer)
        lines.append(f"| `{name}` | {' | '.join(cells)} |")
    texts = [f"{number}. {answer.removeprefix('no: ')}." for answer, number in reasons.items()]
    texts = [text.replace(". this", ". This") for text in texts]
    return "\n".join([*lines, "", *texts])


def written(text, made):
    """The page with the table and its reasons replaced, which end before the next paragraph."""
    lines = text.splitlines()
    first = next(number for number, line in enumerate(lines) if line.startswith(FIRST))
    rest = lines[first:]
    count = next(number for number, line in enumerate(rest) if line and line[0] not in "|1234567890")
    return "\n".join([*lines[:first], made, "", *rest[count:], ""])


if __name__ == "__main__":
    torch.set_num_threads(1)
    made = table({(name, pair): result(name, pair) for name in NAMES for pair in PAIRS})
    PAGE.write_text(written(PAGE.read_text(encoding="utf-8"), made), encoding="utf-8")
