"""Augmentation on a GPU and on the CPU: the same draws to the bit, the same pixels within rounding."""

import numpy as np
import pytest
import torch

from kd.data.augment.draws import Draws, Place
from kd.data.augmentation import Augmentation
from kd.data.rows import Rows
from kd.data.views import ViewedImages

N = 256
ALL = {"colour_jitter": (0.4, 0.4, 0.4, 0.1), "randaugment": (2, 9), "erase": 0.25, "cutout": 8}


def test_draws_are_the_same_to_the_bit(cuda):
    numbers = torch.from_numpy(np.random.default_rng(0).integers(0, 2**61, N))
    host, device = Draws(numbers), Draws(numbers.to(cuda))
    for place in (*Place, Place.POLICY + 7):
        assert torch.equal(device.words(place).cpu(), host.words(place))
        assert torch.equal(device.uniform(place).cpu(), host.uniform(place))
        assert torch.equal(device.below(place, 14).cpu(), host.below(place, 14))


@pytest.mark.parametrize(
    "more",
    [
        ALL,
        ALL | {"pad_mode": "reflect", "mixup": 0.2, "cutmix": 1.0},
        {"area": (0.1, 1), "trivial_augment": True},
    ],
    ids=["all", "mixed", "resized"],
)
def test_pixels_are_the_same_within_rounding(cuda, more):
    """Where a rounding falls to the other side, a pixel is off by a level, or by more after it was equalized."""
    pixels = torch.from_numpy(np.random.default_rng(1).integers(0, 256, (N, 32, 32, 3), dtype=np.uint8))
    how, taken = Augmentation(4, True, **more), []
    for device in (torch.device("cpu"), cuda):
        images = ViewedImages(pixels.to(device), how, (0.5,) * 3, (0.25,) * 3)
        shown = Rows(how, 3, N).shown_in(1).to(device)
        taken.append(images.take(torch.arange(N, device=device), shown).cpu())
    off = (taken[0] - taken[1]).abs() * 0.25 * 255
    assert (off < 0.01).float().mean() > 0.98
    assert (off < 1.5).float().mean() > 0.995
