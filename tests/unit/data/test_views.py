"""Views and orders: pure functions of (seed, epoch, sample), and pixels that can be checked by hand."""

import numpy as np
import pytest
import torch

from kd.data.augmentation import Augmentation
from kd.data.sampler import order_seen, views_seen
from kd.data.views import ViewedImages


def images(samples=3, side=4, channels=2):
    """Every pixel differs from every other."""
    return torch.arange(samples * side * side * channels, dtype=torch.uint8).view(
        samples, side, side, channels
    )


def viewed(pad, flip, **shape):
    pixels = images(**shape)
    return ViewedImages(
        pixels, Augmentation(pad, flip), (0.0,) * pixels.shape[3], (1 / 255,) * pixels.shape[3]
    )


def test_pad_4_with_mirroring_has_162_views():
    assert Augmentation(4, True).count == 162
    assert Augmentation(8, True).count == 578
    assert Augmentation(12, True).count == 1250
    assert Augmentation().count == 1


@pytest.mark.parametrize("flip", [False, True])
def test_every_view_equals_padding_cropping_and_mirroring_in_numpy(flip):
    pad, source = 2, images()
    subject = viewed(pad, flip)
    padded = np.pad(source.numpy(), ((0, 0), (pad, pad), (pad, pad), (0, 0)))
    view = 0
    for mirrored in (False, True)[: 1 + flip]:
        for row in range(2 * pad + 1):
            for column in range(2 * pad + 1):
                crop = padded[:, row : row + 4, column : column + 4]
                expected = crop[:, :, ::-1] if mirrored else crop
                taken = subject.take(torch.arange(3), torch.full((3,), view))
                assert np.array_equal(taken.permute(0, 2, 3, 1).numpy(), expected), view
                view += 1
    assert view == subject.augmentation.count


def test_random_crop_without_padding_would_do_nothing_so_views_differ():
    subject = viewed(4, True, side=8, samples=1)
    taken = {
        subject.take(torch.tensor([0]), view).numpy().tobytes() for view in range(subject.augmentation.count)
    }
    assert len(taken) == 162


@pytest.mark.parametrize("pad", [0, 1, 4])
def test_the_plain_view_is_the_image_itself(pad):
    subject = viewed(pad, True)
    taken = subject.take(torch.arange(3), subject.plain).permute(0, 2, 3, 1)
    assert torch.equal(taken, images().float())


def test_each_sample_of_a_batch_gets_its_own_view():
    subject = viewed(1, True)
    views = torch.tensor([0, 17, 4])
    together = subject.take(torch.tensor([2, 0, 1]), views)
    for place, (sample, view) in enumerate(zip([2, 0, 1], views, strict=True)):
        assert torch.equal(together[place], subject.take(torch.tensor([sample]), view)[0])


def test_pixels_are_normalised_by_mean_and_deviation():
    pixels = torch.tensor([[[[51, 255]]]], dtype=torch.uint8)
    subject = ViewedImages(pixels, Augmentation(0, False), (0.1, 0.5), (0.2, 0.25))
    taken = subject.take(torch.tensor([0]), 0).flatten()
    # (51/255 - 0.1) / 0.2 = 0.5 and (1 - 0.5) / 0.25 = 2
    assert taken.tolist() == pytest.approx([0.5, 2.0], abs=1e-6)


def test_batches_are_channels_last():
    assert viewed(1, False).take(torch.arange(3), 0).is_contiguous(memory_format=torch.channels_last)


def test_views_do_not_depend_on_how_many_samples_there_are():
    """A pure function of (seed, epoch, sample): the first ten of a hundred are those of ten."""
    assert np.array_equal(views_seen(3, 7, 100, 162)[:10], views_seen(3, 7, 10, 162))


def test_views_and_orders_are_the_same_on_every_machine_and_version():
    """Worked out with Python's integers; if these change, every cached target is wrong."""
    mask = 2**64 - 1

    def scramble(x):
        x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & mask
        x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & mask
        return x ^ (x >> 31)

    def word(*parts):
        state = 0
        for part in parts:
            state = scramble((state + 0x9E3779B97F4A7C15 + part) & mask)
        return state

    assert scramble(0x9E3779B97F4A7C15) == 0xE220A8397B1DCDAF  # first output of SplitMix64 seeded with 0
    assert views_seen(5, 9, 6, 162).tolist() == [word(1, 5, 9, sample) % 162 for sample in range(6)]
    order = sorted(range(6), key=lambda sample: word(2, 5, 9, sample))
    assert order_seen(5, 9, 6).tolist() == order


@pytest.mark.parametrize("other", [(1, 0), (0, 1)])
def test_another_seed_or_epoch_gives_other_views_and_another_order(other):
    assert (views_seen(0, 0, 1000, 162) == views_seen(*other, 1000, 162)).mean() < 0.05
    assert (order_seen(0, 0, 1000) == order_seen(*other, 1000)).mean() < 0.05


def test_views_are_uniform_and_orders_are_permutations():
    counts = np.bincount(views_seen(0, 0, 162_000, 162), minlength=162)
    # χ² with 161 degrees of freedom exceeds 240 with probability 0.00006
    assert ((counts - 1000) ** 2 / 1000).sum() < 240
    assert sorted(order_seen(0, 0, 1000)) == list(range(1000))
