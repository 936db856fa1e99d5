"""Whether there are as many images of each class as are asked for: as listed, and as fetched."""

from collections.abc import Mapping

from kd.datasets.open_images.source import Place
from kd.errors import UserError
from kd.io.log import logger


def refuse_few(
    images_of: Mapping[str, list], names: Mapping[str, str], number: int, split: str, subset: str
) -> None:
    """Log how many images of each label a subset has; UserError if those of one are fewer than `number`."""
    counts = ", ".join(f"{names[label]} {len(images):,}" for label, images in images_of.items())
    logger.info("images of the subset %r that show one of the classes alone: %s", subset, counts)
    few = [
        f"{len(images):,} of {names[label]!r}" for label, images in images_of.items() if len(images) < number
    ]
    if few:
        key = "images_per_class" if split == "train" else "test_images_per_class"
        more = "" if subset == split else ", or set train_from: train"
        raise UserError(
            f"dataset.{key}: {number:,} of each class are asked for, and Open Images' subset {subset!r} has"
            f" {', '.join(few)} that show no other; lower it, take other classes{more}"
        )


def refuse_short(good: Mapping[Place, list], count: Mapping[Place, int], names: Mapping[str, str]) -> None:
    """UserError if fewer `good` images than `count` of a place could be fetched."""
    short = [
        f"{len(images):,} of {count[place]:,} {place.split} images of {names[place.label]!r}"
        for place, images in good.items()
        if len(images) < count[place]
    ]
    if short:
        raise UserError(
            f"dataset.images_per_class, dataset.test_images_per_class: only {', '.join(short)} could be had,"
            " and there are no more; lower them, or try again later"
        )
