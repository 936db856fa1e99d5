"""The section of a study's pages that says what its data are: the card that prepare_data wrote."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

MOST = 20  # classes that are named
PARTS = ("train", "validation", "test")


def data_lines(summary: Mapping[str, Any]) -> list[str]:
    """The card of a data set, which prepare_data wrote as summary.json: a line for each fact."""
    height, width, channels = summary["image_shape"]
    parts = [part for part in PARTS if summary["images"][part]]
    without = "" if "validation" in parts else "; no validation split"
    facts = {
        "data set": summary["dataset"],
        "images": " / ".join(f"{part} {summary['images'][part]:,}" for part in parts) + without,
        "images per class": " / ".join(f"{part} {_span(summary, part)}" for part in parts),
        "size": f"{height} × {width} pixels, {'colour' if channels == 3 else 'grey'}",
        "classes": _named(summary["classes"]),
        "augmentation": _augmentation(summary),
        "mean and deviation": f"{_moments(summary)}, of pixels from 0 to 1",
        "published": _published(summary["published"]),
        "source": summary["source"],
        "licence": summary["licence"],
        "paper": summary["paper"],
        "SHA-256 of the arrays": summary["sha256"],
    }
    lines = [f"{name}: {text}" for name, text in facts.items() if text]
    return lines + [f"note: {note}" for note in summary.get("notes", ())]


def _augmentation(summary: Mapping[str, Any]) -> str:
    more = summary.get("augmentation", {})
    flip, views = summary["flip"], summary["views"]
    mirrored = "mirrored or not" if flip else "never mirrored"
    mirrored = "mirrored in every other epoch" if flip == "alternate" else mirrored
    crops = f"crops after padding by {summary['pad']}"
    crops += " (reflected)" if "pad_mode" in more else ""
    if area := summary["area"]:
        crops = f"crops of {area[0]:.0%} to {area[1]:.0%} of the area, resized"
    steps = [crops, mirrored, *(say(more[name]) for name, say in _STEPS.items() if name in more)]
    count = views if views == "endless" else f"{views:,}"
    return f"{', '.join(steps)}: {count} {'versions of each image' if 'views' in more else 'views'}"


_STEPS: dict[str, Callable[[Any], str]] = {
    "colour_jitter": lambda most: f"colour jitter {'/'.join(f'{size:g}' for size in most)}",
    "randaugment": lambda how: f"RandAugment (operations: {how[0]}, magnitude: {how[1]})",
    "trivial_augment": lambda on: "TrivialAugment",
    "erase": lambda chance: f"a rectangle erased in {chance:.0%}",
    "cutout": lambda side: f"cutout of {side} pixels",
    "mixup": lambda alpha: f"mixup {alpha:g}",
    "cutmix": lambda alpha: f"CutMix {alpha:g}",
}


def _span(summary: Mapping[str, Any], part: str) -> str:
    """How many images of a class there are: one number where all classes have as many."""
    counts = summary["images_per_class"][part].values()
    low, high = min(counts), max(counts)
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"


def _named(classes: Sequence[str]) -> str:
    more = f" and {len(classes) - MOST} more" if len(classes) > MOST else ""
    return f"{len(classes)} (labels 0 to {len(classes) - 1}): {', '.join(classes[:MOST])}{more}"


def _moments(card: Mapping[str, Any]) -> str:
    """Mean and deviation of each channel."""
    return " and ".join("/".join(f"{value:.4f}" for value in card[name]) for name in ("mean", "std"))


def _published(published: Mapping[str, Any] | None) -> str | None:
    if not published:
        return None
    difference = f"ours differ by {published['largest_difference']:.4f} at most"
    return f"{_moments(published)}, of the whole training split; {difference}"
