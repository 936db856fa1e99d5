"""Which images are near-duplicates."""

import numpy as np
import pytest
from PIL import Image

from kd.datasets.folders import near_duplicates as module
from kd.datasets.folders.near_duplicates import near_duplicates, thumbnail_of


def picture(seed):
    """A picture of large shapes, as photos have them."""
    small = np.random.RandomState(seed).randint(0, 256, (6, 6, 3)).astype(np.uint8)
    return np.asarray(Image.fromarray(small).resize((64, 64), Image.Resampling.BICUBIC))


CHANGED = {
    "brighter": lambda pixels: np.clip(pixels * 0.8 + 40, 0, 255).astype(np.uint8),
    "noise": lambda pixels: np.clip(
        pixels + np.random.RandomState(1).normal(0, 6, pixels.shape), 0, 255
    ).astype(np.uint8),
    "one pixel further": lambda pixels: np.roll(pixels, 1, axis=1),
    "smaller": lambda pixels: np.asarray(Image.fromarray(pixels).resize((32, 32))),
}


@pytest.mark.parametrize("change", CHANGED.values(), ids=CHANGED)
def test_a_changed_copy_is_like_its_picture(change):
    thumbnails = [thumbnail_of(picture(seed)) for seed in range(20)]
    assert near_duplicates(thumbnails, [thumbnail_of(change(picture(7)))]) == [(7, 0)]


def test_other_pictures_are_none():
    thumbnails = [thumbnail_of(picture(seed)) for seed in range(200)]
    assert near_duplicates(thumbnails[:100], thumbnails[100:]) == []


def test_what_shows_nothing_is_like_nothing():
    plain = [thumbnail_of(np.full((8, 8, 3), colour, dtype=np.uint8)) for colour in (0, 128, 255)]
    assert near_duplicates(plain, plain) == []


def test_none_and_too_many(monkeypatch):
    thumbnails = [thumbnail_of(picture(0))]
    assert near_duplicates([], thumbnails) == near_duplicates(thumbnails, []) == []
    monkeypatch.setattr(module, "MOST", 0)
    assert near_duplicates(thumbnails, thumbnails) is None
