"""Import the user's logits of the un-augmented training images, as those of any teacher."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from kd.data.dataset import read_dataset
from kd.io.arrays import write_rows
from kd.io.log import logger
from kd.teachers.logits import read_user_logits, training_logits


def main(
    sha256: str,
    dataset: Path,
    logits: Path,
    train_logits: Path,
    *,
    augmentation: Mapping[str, Any] = MappingProxyType({}),
) -> None:
    """Write those of `logits` (.npz, with this SHA-256), (samples, classes) float32 as .npy.

    Where the file lacks the plain view of some images the result is empty: (0, classes).
    Raises UserError naming the file and the array that does not fit the data set.
    """
    data = read_dataset(dataset, augmentation)
    plain = training_logits(read_user_logits(logits, sha256, data), logits, data)[data.augmentation.plain]
    if np.isnan(plain).any():
        logger.info("%s: lacks the logits of some training images without augmentation", logits)
        plain = plain[:0]
    write_rows(train_logits, plain.shape, [plain])


if __name__ == "__main__":
    from kd.runtime.script import run

    run(snakemake, main)
