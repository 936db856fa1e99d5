"""Whether a teacher of the user's numbers the classes as the data set does, where its file names them."""

import json
from collections.abc import Sequence
from pathlib import Path

from kd.errors import UserError
from kd.io.log import logger


def names_beside(weights: Path) -> list[str] | None:
    """The classes by `id2label` in a config.json beside the weights, as exports have it; None without one."""
    try:
        names = json.loads(weights.with_name("config.json").read_text(encoding="utf-8"))["id2label"]
        return [str(names[str(label)]) for label in range(len(names))]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None  # of another program, or none at all


def check_order(path: Path, names: Sequence[str] | None, classes: Sequence[str]) -> None:
    """UserError if `names` are the `classes` in another order; a warning if they are others.

    Their order is all that counts: the folder n01443537 may well hold a goldfish.
    """
    if names is None or list(names) == list(classes):
        return
    if len(names) != len(classes):
        return  # so is the output of the network, which is refused for that
    label = next(label for label, name in enumerate(names) if name != classes[label])
    differ = f"its label {label} is {names[label]!r}, and that of the data set {classes[label]!r}"
    if sorted(names) == sorted(classes):
        raise UserError(
            f"{path}: {differ}; bring its outputs into the order of the data set's classes, which"
            " data/summary.json has"
        )
    logger.warning("%s: names other classes, %s; see that their order is the same", path, differ)
