"""What a data set's card says: what it holds, where it comes from, and what others measured of it.

The last two are constants of the data set's own file: MIRROR or SOURCE, LICENCE, PAPER and PUBLISHED, which
is the shape of an image, and the mean and deviation of each channel over the whole training split as others
give them.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from kd.data.augmentation import Augmentation
from kd.data.dataset import PARTS, Dataset
from kd.data.preparation.packing import blocks
from kd.data.preparation.prepare import channel_statistics
from kd.data.shards import Shards
from kd.io.log import logger

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


def compare(published: Mapping[str, Any] | None, *images: np.ndarray | Shards) -> dict[str, Any] | None:
    """The published mean and deviation beside those of `images` (N, H, W, C), which are all training images.

    Warns if they are more than 0.005 apart. None where nothing was published of images of this shape.
    """
    if not published or tuple(published["shape"]) != images[0].shape[1:]:
        return None
    mean, std = channel_statistics(*images)
    known = {key: published[key] for key in ("mean", "std")}
    difference = float(np.abs(np.subtract((mean, std), [*known.values()])).max())
    if difference > FAR:
        logger.warning(
            "mean %s and deviation %s of all training images are up to %.3f away from the published %s and"
            " %s; these may be other images, or wrongly read",
            *(_short(mean), _short(std), difference, *map(_short, known.values())),
        )
    return known | {"mean_here": mean, "std_here": std, "largest_difference": difference}


def summarise(dataset: Dataset[np.ndarray]) -> dict[str, Any]:
    """What the data set holds: images per part and class, pixel statistics, number of augmented views."""
    augmentation = dataset.augmentation
    labels = {part: getattr(dataset, f"{part}_labels") for part in PARTS}
    return {
        "classes": dataset.classes,
        "image_shape": dataset.train_images.shape[1:],  # height, width, channels
        "images": {part: len(array) for part, array in labels.items()},
        "images_per_class": {part: _count(array, dataset.classes) for part, array in labels.items()},
        "mean": dataset.mean,
        "std": dataset.std,
        **{name: getattr(augmentation, name) for name in ("pad", "flip", "area")},
        **({"augmentation": more} if (more := _more(augmentation)) else {}),
        "views": augmentation.count if augmentation.finite else "endless",
        "sha256": fingerprint(dataset),
    }


def _more(augmentation: Augmentation) -> dict[str, Any]:
    """What is set besides crops and mirroring."""
    usual = asdict(Augmentation(augmentation.pad, augmentation.flip, augmentation.area))
    return {name: value for name, value in asdict(augmentation).items() if value != usual[name]}


def _count(labels: np.ndarray, classes: tuple[str, ...]) -> dict[str, int]:
    counts = np.bincount(labels, minlength=len(classes))
    return dict(zip(classes, counts.tolist(), strict=True))


def fingerprint(dataset: Dataset[np.ndarray]) -> str:
    """SHA-256 over the six arrays: their names, types, shapes and bytes."""
    digest = hashlib.sha256()
    for name, array in sorted(dataset.tensors().items()):
        kind = np.uint8 if isinstance(array, Shards) else array.dtype
        digest.update(f"{name} {np.dtype(kind)} {tuple(array.shape)}\n".encode())
        for block in blocks(array):
            digest.update(np.ascontiguousarray(block))
    return digest.hexdigest()


def _short(values: tuple[float, ...]) -> str:
    return "/".join(f"{value:.4f}" for value in values)
