"""Draws docs/images/soft_targets.svg, what a student learns from, with the numbers of the default study.

python -m docsite.drawings.soft_targets results/digits
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from safetensors import safe_open

from docsite.drawings.svg import frame, text
from docsite.taken import ROOT

TARGET = ROOT / "docs" / "images" / "soft_targets.svg"
TEACHER, STUDENT, SEED, TEMPERATURE = "preact_resnet18", "cnn", 0, 4
CONFIDENCE = 0.98  # of the teacher in the image that is drawn, as nearly as there is one
PANEL, ROW, TOP, BAR = 225, 17, 46, 130  # widths and heights in pixels


def softmax(logits: np.ndarray, temperature: float) -> np.ndarray:
    """Probabilities (..., C) of logits (..., C) at a temperature."""
    powers = np.exp((logits - logits.max(-1, keepdims=True)) / temperature)
    return powers / powers.sum(-1, keepdims=True)


def choose(teacher: np.ndarray, student: np.ndarray, labels: np.ndarray) -> int:
    """The image that both networks classify correctly with the teacher's confidence nearest to CONFIDENCE."""
    correct = (teacher.argmax(1) == labels) & (student.argmax(1) == labels)
    distance = np.abs(softmax(teacher, 1).max(1) - CONFIDENCE)
    return int(np.where(correct, distance, np.inf).argmin())


def draw(image: np.ndarray, label: int, teacher: np.ndarray, student: np.ndarray) -> str:
    """The SVG: image (H, W) uint8 with its label, and the logits (C,) of teacher and student for it."""
    hard, soft = softmax(teacher, 1), softmax(teacher, TEMPERATURE)
    height = 2 * (TOP + len(teacher) * ROW + 20)
    low = height // 2
    parts = [
        *_image(image, label),
        *_panel(PANEL, 0, "Teacher, T = 1", "its probabilities", hard, "bar"),
        *_panel(0, low, f"Teacher, T = {TEMPERATURE}", "the soft targets", soft, "soft"),
        *_panel(
            PANEL,
            low,
            f"Student, T = {TEMPERATURE}",
            "bars; marks: teacher",
            softmax(student, TEMPERATURE),
            "bar",
            soft,
        ),
    ]
    return frame(2 * PANEL, height, parts)


def _image(image: np.ndarray, label: int) -> Iterator[str]:
    side = 160 / len(image)
    yield text(8, 18, "Test image", "head")
    yield text(8, 36, f"its label: {label}")
    for y, x in np.ndindex(image.shape):
        grey = "#" + f"{image[y, x]:02x}" * 3
        place = f'x="{8 + x * side:g}" y="{TOP + y * side:g}" width="{side:g}" height="{side:g}"'
        yield f'<rect {place} fill="{grey}" stroke="{grey}" stroke-width="0.5"/>'


def _panel(
    x: int,
    y: int,
    head: str,
    below: str,
    shares: np.ndarray,
    kind: str,
    marks: np.ndarray | None = None,
) -> Iterator[str]:
    """A bar for each class, as long as its probability; `marks` has a second probability of each."""
    yield text(x + 8, y + 18, head, "head")
    yield text(x + 8, y + 36, below)
    for number, share in enumerate(shares):
        top = y + TOP + number * ROW
        yield text(x + 20, top + 12, str(number), anchor="end")
        width = max(share * BAR, 0.5)
        yield f'<rect class="{kind}" x="{x + 28}" y="{top + 2}" width="{width:.1f}" height="12"/>'
        yield text(x + 36 + BAR, top + 12, _percent(share))
        if marks is not None:
            place = x + 28 + marks[number] * BAR
            yield f'<path class="mark" d="M{place:.1f} {top + 1}v14"/>'


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %" if share >= 0.0005 else "< 0.1 %"


def main(results: Path, target: Path = TARGET) -> None:
    """Draw the picture from the folder of the finished default study."""
    folders = results / "teachers" / TEACHER, results / "distilled" / TEACHER / STUDENT / "kd" / str(SEED)
    if missing := [folder for folder in folders if not (folder / "test_logits.npy").is_file()]:
        raise SystemExit(f"error: {missing[0]} has no test_logits.npy; run the default study first")
    with safe_open(results / "data" / "dataset.safetensors", "numpy") as data:
        images, labels = data.get_tensor("test_images"), data.get_tensor("test_labels")
    teacher, student = (np.load(folder / "test_logits.npy").astype(np.float64) for folder in folders)
    chosen = choose(teacher, student, labels)
    picture = draw(images[chosen, :, :, 0], int(labels[chosen]), teacher[chosen], student[chosen])
    target.write_text(picture, encoding="utf-8")
    print(f"wrote {target}: test image {chosen}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("results", type=Path, help="folder of the finished default study")
    main(parser.parse_args().results)
