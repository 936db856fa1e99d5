"""Endless views: random crops that are resized, against NumPy that interpolates a pixel at a time."""

import math

import numpy as np
import pytest
import torch
from torchvision.transforms.v2 import functional as tv

from kd.data.augmentation import ENDLESS, PLAIN, Augmentation
from kd.data.crops import PaddedCrops, ResizedCrops
from kd.data.sampler import views_seen
from kd.data.views import ViewedImages

RANDOM = np.random.default_rng(0)
IMAGES = RANDOM.integers(0, 256, (3, 6, 9, 2), dtype=np.uint8)
AREA = (0.2, 0.9)


def number(area, ratio, row, column, mirrored):
    """A view's number, from fields of 15 bits."""
    return mirrored + sum(field << 1 + 15 * place for place, field in enumerate((area, ratio, row, column)))


def box_by_hand(view, area=AREA):
    fields = [(view // 2 // 2 ** (15 * place)) % 2**15 for place in range(4)]
    share, ratio, row, column = ((field + 0.5) / 2**15 for field in fields)
    share, ratio = area[0] + (area[1] - area[0]) * share, (4 / 3) ** (2 * ratio - 1)
    height, width = min(1, math.sqrt(share / ratio)), min(1, math.sqrt(share * ratio))
    return row * (1 - height), column * (1 - width), height, width


def pixel_by_hand(image, y, x):
    """Bilinear between the middles of the pixels (pixel k has its middle at k + 1/2); the border goes on."""
    y, x = (min(max(place - 0.5, 0), side - 1) for place, side in zip((y, x), image.shape, strict=False))
    top, left = int(y), int(x)
    bottom, right = min(top + 1, image.shape[0] - 1), min(left + 1, image.shape[1] - 1)
    down, across = y - top, x - left
    upper = image[top, left] * (1 - across) + image[top, right] * across
    lower = image[bottom, left] * (1 - across) + image[bottom, right] * across
    return upper * (1 - down) + lower * down


def crop_by_hand(image, view):
    image = image.astype(float)
    top, left, height, width = box_by_hand(view)
    rows, columns = image.shape[:2]
    crop = np.array(
        [
            [
                pixel_by_hand(
                    image,
                    rows * (top + height * (row + 0.5) / rows),
                    columns * (left + width * (column + 0.5) / columns),
                )
                for column in range(columns)
            ]
            for row in range(rows)
        ]
    )
    return crop[:, ::-1] if view % 2 else crop


VIEWS = [number(0, 0, 0, 0, 0), number(30000, 5000, 20000, 32767, 1), number(16000, 32767, 100, 9000, 0)]


def test_a_view_is_the_resized_crop_that_its_number_says():
    taken = ResizedCrops(AREA, flip=True).cut(torch.from_numpy(IMAGES), torch.tensor(VIEWS)).numpy()
    for image, view, crop in zip(IMAGES, VIEWS, taken, strict=True):
        np.testing.assert_allclose(crop, crop_by_hand(image, view), atol=0.01)
        assert np.abs(crop - image).max() > 10  # it is a crop


def test_mirroring_is_only_where_it_is_allowed():
    images, views = torch.from_numpy(IMAGES), torch.tensor(VIEWS) | 1
    mirrored, plain = (ResizedCrops(AREA, flip).cut(images, views) for flip in (True, False))
    assert torch.allclose(mirrored, plain.flip(2), atol=1e-3)


def test_the_plain_view_is_the_image_itself_to_the_bit():
    viewed = ViewedImages(
        torch.from_numpy(IMAGES), Augmentation(0, True, AREA), (0.0, 0.0), (1 / 255, 1 / 255)
    )
    taken = viewed.take(torch.arange(3), viewed.plain)
    assert torch.equal(taken.permute(0, 2, 3, 1), torch.from_numpy(IMAGES).float())
    assert viewed.plain == PLAIN
    mixed = viewed.take(torch.tensor([0, 1]), torch.tensor([PLAIN, VIEWS[0]]))
    assert torch.equal(mixed[0], taken[0])
    assert not torch.allclose(mixed[1], taken[1])


def test_areas_and_ratios_are_spread_as_the_paper_says():
    views = torch.from_numpy(views_seen(0, 0, 20_000, ENDLESS))
    boxes, mirrored = ResizedCrops((0.08, 0.5), flip=True).boxes(views)
    top, left, height, width = boxes.double().unbind(1)
    areas = height * width
    assert areas.min() >= 0.0799
    assert areas.max() <= 0.5001
    assert areas.mean().item() == pytest.approx(0.29, abs=0.005)
    logs = (width / height).log()
    assert logs.abs().max() <= math.log(4 / 3) + 1e-4
    assert logs.mean().item() == pytest.approx(0, abs=0.005)
    assert (top + height).max() <= 1 + 1e-6
    assert (left + width).max() <= 1 + 1e-6
    assert (top / (1 - height)).mean().item() == pytest.approx(0.5, abs=0.01)
    assert mirrored.double().mean().item() == pytest.approx(0.5, abs=0.02)
    fields = torch.stack([areas, logs, top / (1 - height), left / (1 - width), mirrored.double()])
    assert (torch.corrcoef(fields) - torch.eye(5)).abs().max() < 0.03  # drawn apart from each other


def test_endless_views_repeat_from_their_numbers_alone():
    assert views_seen(0, 0, 1000, ENDLESS).max() > 2**60
    assert len(set(views_seen(0, 0, 1000, ENDLESS))) == 1000
    taken = [ResizedCrops(AREA, True).cut(torch.from_numpy(IMAGES), torch.tensor(VIEWS)) for _ in range(2)]
    assert torch.equal(*taken)
    alone = ResizedCrops(AREA, True).cut(torch.from_numpy(IMAGES[1:2]), torch.tensor(VIEWS[1:2]))
    assert torch.equal(alone[0], taken[0][1])


@pytest.mark.parametrize("reflect", [False, True])
@pytest.mark.parametrize("mirror", [False, True])
def test_a_padded_crop_is_torchvisions(reflect, mirror):
    images, pad = torch.from_numpy(IMAGES).permute(0, 3, 1, 2), 2
    padded = tv.pad(images, [pad], padding_mode="reflect" if reflect else "constant")
    crops = PaddedCrops(pad, reflect=reflect)
    for top, left in [(0, 0), (0, 4), (2, 2), (3, 1), (4, 4)]:
        expected = tv.crop(padded, top, left, *images.shape[2:])
        expected = tv.horizontal_flip(expected) if mirror else expected
        view = 25 * mirror + 5 * top + left
        mine = crops.cut(torch.from_numpy(IMAGES), torch.full((3,), view))
        assert torch.equal(mine.permute(0, 3, 1, 2), expected)


@pytest.mark.parametrize("box", [(1, 2, 4, 6), (0, 0, 6, 9), (2, 3, 3, 3)])
def test_away_from_its_border_a_resized_crop_is_torchvisions(monkeypatch, box):
    """Near it ours shows what lies beyond; torchvision has cut that off and repeats the last pixels."""
    top, left, height, width = box
    shares = torch.tensor([[top / 6, left / 9, height / 6, width / 9]] * 3)
    crops = ResizedCrops(AREA, flip=True)
    monkeypatch.setattr(crops, "boxes", lambda views: (shares, torch.tensor([False, True, False])))
    mine = crops.cut(torch.from_numpy(IMAGES), torch.tensor(VIEWS)).permute(0, 3, 1, 2)
    images = torch.from_numpy(IMAGES).permute(0, 3, 1, 2).float()
    expected = tv.resized_crop(images, top, left, height, width, [6, 9], antialias=False)
    expected[1] = tv.horizontal_flip(expected[1])
    rows = (torch.arange(6) + 0.5) * height / 6  # in the crop, where pixels have their middles at halves
    columns = (torch.arange(9) + 0.5) * width / 9
    inside = ((rows > 0.5) & (rows < height - 0.5))[:, None] & (columns > 0.5) & (columns < width - 0.5)
    both = inside & inside.flip(1)
    assert both.sum() >= 6
    assert torch.allclose(mine[..., both], expected[..., both], atol=1e-3)
