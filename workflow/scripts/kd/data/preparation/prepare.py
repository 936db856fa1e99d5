"""From the raw images of a data set to its honest parts: training, validation if there is one, test.

Apart from data.py because no training job runs this code: an edit here must not make one run again.
"""

from collections.abc import Sequence
from itertools import chain

import numpy as np

from kd.data.augmentation import Augmentation
from kd.data.dataset import PARTS, Dataset, RawSplits
from kd.data.groups import grouped_split
from kd.data.preparation.packing import Packing, blocks
from kd.data.shards import Shards
from kd.errors import UserError
from kd.io.log import logger

PACKED_FROM = 2**32  # bytes of images


def stratified_split(
    labels: np.ndarray, fraction: float, seed: int, key: str, classes: Sequence[str]
) -> tuple[np.ndarray, np.ndarray]:
    """Cut `fraction` of each class off; a function of (labels, fraction, seed) and of nothing else.

    Returns the indices (int64, rising) of what stays and of what is cut off. Of a class with n images,
    round(n · fraction) are cut off, and never none. The choice follows the raw words of a PCG64 generator:
    NumPy guarantees those for ever, but not its `shuffle`, and a split must outlive an upgrade.
    Raises UserError naming `key` when the fraction is not inside (0, 1), and also the one of `classes` of
    which nothing would stay.
    """
    if not 0 < fraction < 1:
        raise UserError(f"{key}: {fraction} is not allowed; a fraction above 0 and below 1 is")
    ranks = np.random.PCG64(seed).random_raw(len(labels))
    cut = np.zeros(len(labels), dtype=bool)
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        count = max(1, round(fraction * len(members)))
        if count >= len(members):
            raise UserError(
                f"{key}: class {classes[label]!r} has {len(members)} image(s), of which {count} would"
                " be cut off and none stay; give it more images or lower the fraction"
            )
        cut[members[np.argsort(ranks[members], kind="stable")[:count]]] = True
    return np.flatnonzero(~cut), np.flatnonzero(cut)


def channel_statistics(*images: np.ndarray | Shards) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and standard deviation of each channel of all (N, H, W, C) uint8 images scaled to [0, 1].

    The 256 values are counted rather than the pixels summed: exact whatever N is, and no float copy of
    the images. A channel that never varies gets a deviation of 1, for it is divided by later on.
    """
    channels = images[0].shape[-1]
    counts = np.zeros((channels, 256), dtype=np.int64)
    for block in chain.from_iterable(map(blocks, images)):  # bincount widens its input to eight bytes a pixel
        for channel in range(channels):
            counts[channel] += np.bincount(block[..., channel].ravel(), minlength=256)
    values = np.arange(256) / 255
    weights = counts / counts.sum(axis=1, keepdims=True)
    mean = weights @ values
    std = np.sqrt((weights * (values - mean[:, None]) ** 2).sum(axis=1))
    for channel in np.flatnonzero(std == 0):
        logger.warning("channel %d (from 0) is the same in every pixel of the training images", channel)
    return tuple(mean.tolist()), tuple(np.where(std == 0, 1, std).tolist())


def prepare(
    raw: RawSplits,
    *,
    train_images: int | None = None,
    validation: float,
    split_seed: int,
    augmentation: Augmentation,
    packing: Packing | None = None,
) -> Dataset[np.ndarray]:
    """Cut the validation images off and measure the channels on what is left for training.

    With a number of `train_images`, all that is of so many, drawn by class with `split_seed`.
    With `packing` images are packed, shard by shard, and are never in memory together.
    Images of a group stay on one side. With a fraction `validation` of 0 none are cut off. Raises UserError
    when a class is too small for the fraction.
    """
    sample = _sample(raw, train_images, split_seed)
    train, held_out = _validation_split(raw, sample, validation, split_seed)
    arrays: dict[str, np.ndarray | Shards] = {}
    for part, source, indices in (
        ("train", "train", train),
        ("validation", "train", held_out),
        ("test", "test", np.arange(len(raw.test_labels))),
    ):
        images, labels = getattr(raw, f"{source}_images"), getattr(raw, f"{source}_labels")
        if packing:
            arrays[f"{part}_images"] = Shards(packing.folder, packing.pack(part, images, indices))
        else:
            arrays[f"{part}_images"] = images[indices]
        arrays[f"{part}_labels"] = labels[indices]
    mean, std = channel_statistics(arrays["train_images"])
    return Dataset(**arrays, classes=raw.classes, mean=mean, std=std, augmentation=augmentation)


def _sample(raw: RawSplits, count: int | None, seed: int) -> np.ndarray:
    """The indices (int64, rising) of the training images that are used: all, or about `count` of them."""
    key, total = "dataset.train_images", len(raw.train_labels)
    if count is None or count == total:
        return np.arange(total)
    if count > total:
        raise UserError(f"{key}: {count} is more than there are; at most {total} is allowed")
    return stratified_split(raw.train_labels, count / total, seed, key, raw.classes)[1]


def _validation_split(
    raw: RawSplits, sample: np.ndarray, fraction: float, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """The indices (int64, rising) of the images of the `sample` that stay, and of those for validation."""
    key, labels = "dataset.validation", raw.train_labels[sample]
    if fraction == 0:
        return sample, sample[:0]
    if raw.train_groups is None:
        stay, cut = stratified_split(labels, fraction, seed, key, raw.classes)
    else:
        classes, groups = [raw.classes[label] for label in labels], [raw.train_groups[at] for at in sample]
        cut = np.array(grouped_split(classes, groups, fraction, seed, key), dtype=np.int64)
        stay = np.setdiff1d(np.arange(len(labels)), cut)
    return sample[stay], sample[cut]


def packs(raw: RawSplits, shards: str) -> bool:
    """Whether images are packed into shards; "auto" does so where they might not fit into memory."""
    size = sum(int(np.prod(images.shape)) for images in (raw.train_images, raw.test_images))
    return shards == "always" or (shards == "auto" and size > PACKED_FROM)


def describe(dataset: Dataset[np.ndarray]) -> str:
    """The data set in one line."""
    train, validation, test = (len(getattr(dataset, f"{part}_labels")) for part in PARTS)
    shape = "×".join(str(side) for side in dataset.train_images.shape[1:])
    split = f"{train:,} + {validation:,} for validation" if validation else "no validation split"
    return (
        f"{train + validation:,} training images ({split}), {test:,} test images,"
        f" {len(dataset.classes)} classes, {shape}"
    )
