"""Operations on images beside torchvision's, on the same parameters."""

import math

import pytest
import torch
from photos import photos
from torchvision.transforms.v2 import RandAugment, TrivialAugmentWide
from torchvision.transforms.v2 import functional as tv

from kd.data.augment import colour, levels
from kd.data.augment.policy import BINS, SIGNED, Operation, _rand_magnitudes, _trivial_magnitudes, operate

Op = Operation


def ours(images, operation, magnitude):
    count = len(images)
    return operate(images.float(), torch.full((count,), int(operation)), torch.full((count,), magnitude))


def theirs(images, operation, magnitude):
    """As torchvision's RandAugment calls its functions, but bilinear."""
    shear, bilinear = math.degrees(math.atan(magnitude)), tv.InterpolationMode.BILINEAR
    affine = {"angle": 0.0, "scale": 1.0, "interpolation": bilinear, "shear": [0.0, 0.0], "translate": [0, 0]}
    match operation:
        case Op.IDENTITY:
            return images
        case Op.SHEAR_X:
            return tv.affine(images, **affine | {"shear": [shear, 0.0]}, center=[0, 0])
        case Op.SHEAR_Y:
            return tv.affine(images, **affine | {"shear": [0.0, shear]}, center=[0, 0])
        case Op.TRANSLATE_X:
            return tv.affine(images, **affine | {"translate": [int(magnitude), 0]})
        case Op.TRANSLATE_Y:
            return tv.affine(images, **affine | {"translate": [0, int(magnitude)]})
        case Op.ROTATE:
            return tv.rotate(images, angle=magnitude, interpolation=bilinear)
        case Op.BRIGHTNESS:
            return tv.adjust_brightness(images, 1 + magnitude)
        case Op.COLOUR:
            return tv.adjust_saturation(images, 1 + magnitude)
        case Op.CONTRAST:
            return tv.adjust_contrast(images, 1 + magnitude)
        case Op.SHARPNESS:
            return tv.adjust_sharpness(images, 1 + magnitude)
        case Op.POSTERIZE:
            return tv.posterize(images, int(magnitude))
        case Op.SOLARIZE:
            return tv.solarize(images, 255 * magnitude)
        case Op.AUTOCONTRAST:
            return tv.autocontrast(images)
        case Op.EQUALIZE:
            return tv.equalize(images)


CASES = (
    [(one, sign * size) for one in (Op.SHEAR_X, Op.SHEAR_Y) for sign in (1, -1) for size in (0.09, 0.99)]
    + [
        (one, sign * size)
        for one in (Op.TRANSLATE_X, Op.TRANSLATE_Y)
        for sign in (1, -1)
        for size in (4.9, 32.0)
    ]
    + [(Op.ROTATE, angle) for angle in (9.0, -30.0, 135.0)]
    + [
        (one, m)
        for one in (Op.BRIGHTNESS, Op.COLOUR, Op.CONTRAST, Op.SHARPNESS)
        for m in (0.27, -0.27, 0.99, -0.99)
    ]
    + [(Op.POSTERIZE, bits) for bits in (2.0, 7.0, 8.0)]
    + [(Op.SOLARIZE, share) for share in (0.0, 0.7, 1.0)]
    + [(Op.IDENTITY, 0.0), (Op.AUTOCONTRAST, 0.0), (Op.EQUALIZE, 0.0)]
)
EXACT = (Op.IDENTITY, Op.TRANSLATE_X, Op.TRANSLATE_Y, Op.POSTERIZE, Op.SOLARIZE, Op.EQUALIZE)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(
    ("operation", "magnitude"), CASES, ids=lambda value: str(getattr(value, "name", value))
)
def test_an_operation_is_torchvisions_within_a_level(operation, magnitude, channels):
    """They round down where we round to the nearest; of colour and contrast the grey as well."""
    images = photos(channels=channels)
    mine, expected = ours(images, operation, magnitude), theirs(images, operation, magnitude).float()
    assert torch.equal(mine, mine.round())
    most = 0 if operation in EXACT else 2 if operation in (Op.COLOUR, Op.CONTRAST) else 1
    assert (mine - expected).abs().max() <= most


def test_each_image_has_its_own_operation():
    """All operations in one batch are what each is alone; those without effect leave an image to the bit."""
    every = torch.arange(len(Operation))
    images = photos(count=1).float().expand(len(every), -1, -1, -1)
    magnitude = torch.full((len(every),), 0.5)
    together = operate(images, every, magnitude)
    for one in Operation:
        assert torch.equal(
            together[one], operate(images[one : one + 1], every[one : one + 1], magnitude[:1])[0]
        )
    assert torch.equal(together[Op.IDENTITY], images[0])


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [(_rand_magnitudes(24, 32), RandAugment), (_trivial_magnitudes(), TrivialAugmentWide)],
    ids=["randaugment", "trivial_augment"],
)
def test_operations_and_magnitudes_are_torchvisions(ours, theirs):
    names = [one.name.replace("_", "").replace("COLOUR", "COLOR") for one in Operation]
    space = theirs._AUGMENTATION_SPACE
    assert names == [name.upper() for name in space]
    for one, row, (name, (magnitudes, signed)) in zip(Operation, ours, space.items(), strict=True):
        expected = magnitudes(BINS, 24, 32)
        expected = torch.zeros(BINS) if expected is None else expected.float()
        assert torch.allclose(torch.tensor(row), expected, atol=1e-5), name
        assert signed == (one in SIGNED), name


@pytest.mark.parametrize("shift", [0.0, 0.1, -0.3, 0.5])
def test_hue(shift):
    images = photos()
    mine = colour.shift_hue(images.float(), torch.full((3,), shift)) / 255
    assert (mine - tv.adjust_hue(images.float() / 255, shift)).abs().max() < 1e-5


def test_blends_of_floats_are_torchvisions():
    images = photos().float()
    factor = torch.tensor([0.3, 1.7, 1.0])
    for other, theirs in (
        (colour.black, tv.adjust_brightness),
        (colour.grey, tv.adjust_saturation),
        (colour.mean_grey, tv.adjust_contrast),
        (colour.smooth, tv.adjust_sharpness),
    ):
        mine = colour.blend(images, other(images), factor) / 255
        for one, image, by in zip(mine, images, factor.tolist(), strict=True):
            assert (one - theirs(image / 255, by)).abs().max() < 1e-5


def test_levels_that_nothing_changes():
    images = photos().float()
    assert torch.equal(levels.look_up(images, levels.same(images)), images)


def test_images_of_two_pixels_are_not_smoothed():
    images = photos(2, 2).float()
    assert torch.equal(colour.smooth(images), images)
