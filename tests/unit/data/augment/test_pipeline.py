"""From a view's number to pixels: a function of the number alone, each step beside torchvision's."""

import math

import pytest
import torch
from photos import photos
from torchvision.transforms.v2 import functional as tv

from kd.data.augment.draws import Draws, Place
from kd.data.augment.pipeline import Pipeline, jitter
from kd.data.augment.rectangles import cutout_boxes, erased_boxes, inside
from kd.data.augmentation import ENDLESS, PLAIN, Augmentation
from kd.data.rows import Rows
from kd.data.sampler import views_seen
from kd.data.streaming import StreamedImages
from kd.data.views import ViewedImages

CPU = torch.device("cpu")
PIXELS = torch.randint(0, 256, (40, 12, 10, 3), generator=torch.Generator().manual_seed(1)).byte()
VIEWS = torch.from_numpy(views_seen(0, 0, 40, ENDLESS))
OPTIONS = {
    "colour_jitter": {"colour_jitter": (0.4, 0.4, 0.4, 0.1)},
    "randaugment": {"randaugment": (2, 9)},
    "trivial_augment": {"trivial_augment": True},
    "erase": {"erase": 0.5},
    "cutout": {"cutout": 4},
    "mixup": {"mixup": 0.2},
    "cutmix": {"cutmix": 1.0},
    "all": {"colour_jitter": (0.4, 0.4, 0.4, 0.1), "randaugment": (2, 9), "erase": 0.5, "cutout": 4}
    | {"mixup": 0.2, "cutmix": 1.0, "flip": "alternate", "pad_mode": "reflect"},
    "resized": {"area": (0.3, 1.0), "trivial_augment": True, "mixup": 0.2},
}


def viewed(options, pixels=PIXELS, kind=ViewedImages):
    how = Augmentation(**{"pad": 2, "flip": True} | options)
    more = (CPU,) if kind is StreamedImages else ()
    return kind(pixels, *more, how, (0.4, 0.5, 0.6), (0.2, 0.25, 0.3))


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_an_image_does_not_depend_on_its_batch(options):
    """Neither on the order nor on what else is there; nor, streamed, on where it lies."""
    images = viewed(options)
    rows = Rows(images.augmentation, 3, 40)
    shown, everything = rows.shown_in(2), torch.arange(40)
    whole = images.take(everything, shown)
    some = torch.tensor([7, 31, 0])
    assert torch.equal(images.take(some, shown[some]), whole[some])
    streamed = viewed(options, kind=StreamedImages)
    assert torch.equal(streamed.take(some, shown[some]), whole[some])
    assert torch.equal(images.take(everything, rows.shown_in(2)), whole)
    other = images.take(everything, Rows(images.augmentation, 4, 40).shown_in(2))
    assert (other != whole).flatten(1).any(1).sum() > 30


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_the_plain_view_is_the_image(options):
    images = viewed(options)
    taken = images.take(torch.arange(40), images.plain)
    expected = (PIXELS / 255 - torch.tensor([0.4, 0.5, 0.6])) / torch.tensor([0.2, 0.25, 0.3])
    assert torch.allclose(taken, expected.permute(0, 3, 1, 2), atol=1e-5)
    assert torch.equal(images.pixels(torch.arange(40), images.plain), PIXELS)


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_pixels_are_what_is_shown_before_it_is_normalised(options):
    images = viewed(options)
    shown = Rows(images.augmentation, 3, 40).shown_in(0)
    pixels = images.pixels(torch.arange(40), shown)
    assert torch.allclose(images.normalise(pixels), images.take(torch.arange(40), shown), atol=1e-4)


def test_what_is_not_set_changes_no_pixel_of_padded_crops():
    """With a policy of no effect: the crop and mirroring that the number draws are one of the 50 views."""
    images, plain = viewed({"colour_jitter": (0.0, 0.0, 0.0, 1e-9)}), viewed({})
    drawn = images.pixels(torch.arange(40), VIEWS).round().byte()
    every = torch.stack([plain.pixels(torch.arange(40), view) for view in range(50)])
    same = (every == drawn).flatten(2).all(2)
    assert (same.sum(0) == 1).all()
    views = same.int().argmax(0)
    assert torch.equal(views // 25, VIEWS % 2)
    assert len(set(views.tolist())) > 20


def test_reflected_padding_is_torchs():
    whole = torch.nn.functional.pad(PIXELS.permute(0, 3, 1, 2).float(), (2,) * 4, mode="reflect")
    images = viewed({"pad_mode": "reflect"})
    for view, (row, column) in {0: (0, 0), 13: (2, 3), 24: (4, 4)}.items():
        expected = whole[:, :, row : row + 12, column : column + 10].permute(0, 2, 3, 1)
        assert torch.equal(images.pixels(torch.arange(40), view).float(), expected)
    tiny = viewed({"pad_mode": "reflect", "pad": 5}, PIXELS[:, :1, :2])
    assert tiny.pixels(torch.arange(40), 120).shape == (40, 1, 2, 3)


def test_jitter_is_torchvisions_in_this_order():
    images, draws = photos().float(), Draws(torch.tensor([3, 4, 5]))
    mine = jitter(images, draws, (0.4, 0.3, 0.2, 0.1)) / 255
    for place, image in enumerate(images / 255):
        for at, size, function in (
            (Place.BRIGHTNESS, 0.4, tv.adjust_brightness),
            (Place.CONTRAST, 0.3, tv.adjust_contrast),
            (Place.SATURATION, 0.2, tv.adjust_saturation),
        ):
            image = function(image, 1 - size + 2 * size * draws.uniform(at)[place].item())
        image = tv.adjust_hue(image, 0.2 * draws.uniform(Place.HUE)[place].item() - 0.1)
        assert (mine[place] - image).abs().max() < 1e-5


def test_jitter_above_one_has_no_negative_factor():
    assert jitter(photos().float(), Draws(torch.arange(3)), (2.0, 2.0, 2.0, 0.0)).min() >= 0


def test_erased_is_what_torchvision_erases():
    images = torch.rand(40, 3, 20, 16, generator=torch.Generator().manual_seed(0))
    erased = Pipeline(Augmentation(erase=1.0), 20, 16, CPU).erase(images, VIEWS)
    boxes = erased_boxes(Draws(VIEWS), 1.0, 20, 16)
    for image, mine, (top, left, bottom, right) in zip(images, erased, boxes.tolist(), strict=True):
        nothing = torch.zeros(1, 1, 1)
        assert torch.equal(mine, tv.erase(image, top, left, bottom - top, right - left, nothing))


def test_the_boxes_of_random_erasing():
    """Of 20,000: half of them empty, shares and ratios in their ranges but for rounding, none leaves the image."""
    boxes = erased_boxes(Draws(torch.from_numpy(views_seen(0, 0, 20_000, ENDLESS))), 0.5, 64, 64).double()
    tall, wide = boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]
    there = tall > 0
    assert abs(there.double().mean() - 0.5) < 0.02
    tall, wide = tall[there], wide[there]
    share, ratio = tall * wide / 64**2, (tall / wide).log()
    assert 0.015 < share.min() < 0.03
    assert 0.32 < share.max() < 0.35
    assert abs(share.mean() - 0.175) < 0.01
    assert abs(ratio.mean() - (math.log(0.3) + math.log(3.3)) / 2) < 0.02
    assert boxes.min() == 0
    assert boxes[:, 2:].max() == 64


def test_cutout_is_a_square_cut_off_at_the_border():
    boxes = cutout_boxes(Draws(torch.arange(5000)), 8, 32, 32)
    masks = inside(boxes, 32, 32)[:, 0]
    counts = masks.sum((1, 2))
    assert counts.max() == 64
    assert counts.min() == 4 * 4  # around the first pixel, of which rows -4 to 3 are 4 inside
    # Around every pixel equally often: of a row, 5 of 32 middles lose half or nothing at one border.
    middles = boxes[:, :2] + 4
    assert (middles.min(), middles.max()) == (0, 31)


@pytest.mark.parametrize("strength", range(0, 31, 10))
def test_randaugment_draws_operations_evenly_and_each_sign_by_half(strength):
    images = Pipeline(Augmentation(randaugment=(2, strength)), 12, 10, CPU)
    draws = Draws(torch.from_numpy(views_seen(0, 0, 14_000, ENDLESS)))
    first, magnitude = images._policy.drawn(draws, 0)
    second, _ = images._policy.drawn(draws, 1)
    assert (first.bincount(minlength=14) - 1000).abs().max() < 160  # 5 deviations
    assert abs(torch.corrcoef(torch.stack([first, second]).double())[0, 1]) < 0.05
    rotations = magnitude[first == 5]
    assert rotations.abs().allclose(torch.tensor(float(strength)))
    assert strength == 0 or 0.4 < (rotations < 0).double().mean() < 0.6


def test_plain_is_endless_where_a_number_draws_more():
    assert Augmentation(2, True, erase=0.1).plain == PLAIN
    assert Augmentation(2, True, mixup=0.1).plain == 12
    assert Augmentation(2, True, mixup=0.1).count == ENDLESS
    assert Augmentation(2, True, mixup=0.1, views=16).count == 16
    assert Augmentation(2, True, mixup=0.1).numbers == 50
