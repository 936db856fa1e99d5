"""What a data set's card says beyond its images: where they come from, and what others measured of them.

Read from the constants of the data set's own file: MIRROR or SOURCE, LICENCE, PAPER and PUBLISHED, which is
the shape of an image, and the mean and deviation of each channel over the whole training split as others
give them.
"""

import logging
from collections.abc import Mapping
from typing import Any

import numpy as np

from kd.data.prepare import channel_statistics

log = logging.getLogger("kd")
FAR = 0.005  # published values have three or four digits; a wrong decoding is off by far more


def origin(constants: Mapping[str, Any], files: Mapping[str, str], listing: str | None) -> dict[str, Any]:
    """Source, licence and paper of a data set, and the SHA-256 of each file that was downloaded for it.

    `listing` is the digest of a folder of images (see kd.plan.user_files), where it is one.
    """
    source = constants.get("SOURCE") or constants.get("MIRROR") or "not stated"
    return {
        "source": f"{source}; SHA-256 over names and contents: {listing}" if listing else source,
        "files": dict(files),
        "licence": constants.get("LICENCE", "unknown: the data set's file states none"),
        "paper": constants.get("PAPER"),
    }


def compare(published: Mapping[str, Any] | None, images: np.ndarray) -> dict[str, Any] | None:
    """The published mean and deviation beside those of `images` (N, H, W, C), all training images.

    Warns if they are more than 0.005 apart. None where nothing was published of images of this shape.
    """
    if not published or tuple(published["shape"]) != images.shape[1:]:
        return None
    mean, std = channel_statistics(images)
    wanted = (*published["mean"], *published["std"])
    difference = max(abs(a - b) for a, b in zip((*mean, *std), wanted, strict=True))
    if difference > FAR:
        log.warning(
            "mean %s and deviation %s of all training images are up to %.3f away from the published %s and"
            " %s; these may be other images, or wrongly read",
            *map(_short, (mean, std)),
            difference,
            *map(_short, (published["mean"], published["std"])),
        )
    return {
        "mean": published["mean"],
        "std": published["std"],
        "mean_here": mean,
        "std_here": std,
        "largest_difference": difference,
    }


def _short(values: tuple[float, ...]) -> str:
    return "/".join(f"{value:.4f}" for value in values)
