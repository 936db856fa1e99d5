"""A small folder of images."""

import numpy as np
import pytest
from PIL import Image


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Two classes with three training images and one test image each, of 6x6 random pixels.

    It is the working folder, below which digests of listings are kept.
    """
    monkeypatch.chdir(tmp_path)
    random = np.random.RandomState(0)
    for split, count in (("train", 3), ("test", 1)):
        for name in ("bird", "ape"):
            for number in range(count):
                path = tmp_path / split / name / f"{number}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(random.randint(0, 256, (6, 6, 3)).astype(np.uint8)).save(path)
    return tmp_path
