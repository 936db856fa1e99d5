"""Draws some images of each class of a prepared data set."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from kd.data.dataset import UNCHANGED, Dataset, as_arrays, read_dataset
from kd.data.loader import load_split
from kd.data.rows import Rows
from kd.plots.samples import write_samples


def main(dataset: Path, samples: Path, augmentation: Mapping[str, Any] = UNCHANGED) -> None:
    """Write `samples` (PNG) of the prepared `dataset`; UserError naming a file that is not whole.

    With an `augmentation` of the study's own, below each row what the first epoch of a training shows.
    """
    data = read_dataset(dataset, augmentation)
    arrays = as_arrays(data)
    seen = partial(_seen, data) if augmentation else None
    write_samples(samples, arrays.train_images, arrays.train_labels, arrays.classes, seen)


def _seen(data: Dataset[Tensor], samples: np.ndarray) -> np.ndarray:
    """What epoch 0 of seed 0 shows of samples (B,): (B, H, W, C) uint8."""
    images = load_split(data, "train", torch.device("cpu"), "always").images
    rows = Rows(data.augmentation, 0, images.samples)
    shown = rows.shown(rows.of_epoch(0)[samples], samples)
    return images.pixels(torch.from_numpy(samples), shown).round().clamp(0, 255).byte().numpy()


if __name__ == "__main__":
    from kd.runtime.script import run

    run(snakemake, main)
