"""Random operations on images: RandAugment and TrivialAugment.

Cubuk et al. 2019 (arXiv:1909.13719), and Müller & Hutter 2021 (arXiv:2103.10158). The operations and ranges
are those of torchvision's RandAugment and TrivialAugmentWide. What differs: bilinear interpolation instead of
the nearest neighbour, and all results are rounded to the nearest level, where torchvision mostly rounds down.
Each image of a batch has its own operation, and all are computed together: those of one kind share a kernel,
in which images of another kind have parameters that change nothing. So no number is read back to the host.
"""

from enum import IntEnum, auto

import torch
from torch import Tensor

from kd.data.augment import colour, levels
from kd.data.augment.draws import Draws, Place
from kd.data.augment.geometry import warp

BINS = 31  # strengths of an operation, from 0 to 30


class Operation(IntEnum):
    """What may be done to an image; in torchvision's order."""

    IDENTITY = 0
    SHEAR_X = auto()
    SHEAR_Y = auto()
    TRANSLATE_X = auto()
    TRANSLATE_Y = auto()
    ROTATE = auto()
    BRIGHTNESS = auto()
    COLOUR = auto()
    CONTRAST = auto()
    SHARPNESS = auto()
    POSTERIZE = auto()
    SOLARIZE = auto()
    AUTOCONTRAST = auto()
    EQUALIZE = auto()


Op = Operation
GEOMETRIC = (Op.SHEAR_X, Op.SHEAR_Y, Op.TRANSLATE_X, Op.TRANSLATE_Y, Op.ROTATE)
BLENDING = (Op.BRIGHTNESS, Op.COLOUR, Op.CONTRAST, Op.SHARPNESS)
SIGNED = (*GEOMETRIC, *BLENDING)  # whose magnitude is negative by equal chance


def operate(images: Tensor, operation: Tensor, magnitude: Tensor) -> Tensor:
    """Each of the images (B, C, H, W), whole numbers 0 to 255 in float32, under its own operation (B,) int64.

    magnitude (B,) float32: what torchvision's classes call so: shears as tangents, translations in pixels,
    degrees, of blends the factor − 1, the bits of posterize, and the threshold of solarize as a share.
    """
    geometric = _is(operation, *GEOMETRIC)[:, None, None, None]
    warped = warp(images, _inverse(operation, magnitude, *images.shape[2:]))
    images = torch.where(geometric, warped.round(), images)
    factor = torch.where(_is(operation, *BLENDING), 1 + magnitude, 1)
    images = colour.blend(images, _blended_with(images, operation), factor).round()
    return levels.look_up(images, _tables(images, operation, magnitude)).round()


def _is(operation: Tensor, *wanted: Operation) -> Tensor:
    """Whether it is one of these, (B,) bool."""
    first, *others = (operation == one for one in wanted)
    for other in others:
        first = first | other
    return first


def _inverse(operation: Tensor, magnitude: Tensor, height: int, width: int) -> Tensor:
    """The maps (B, 2, 3) of kd.data.augment.geometry; shears leave the upper left corner where it is."""

    def only(one: Operation, otherwise: float = 0.0) -> Tensor:
        return torch.where(operation == one, magnitude, otherwise)

    angle = torch.deg2rad(only(Op.ROTATE))
    shear_x, shear_y = only(Op.SHEAR_X), only(Op.SHEAR_Y)
    # Whole pixels, as torchvision moves them.
    right, down = only(Op.TRANSLATE_X).trunc(), only(Op.TRANSLATE_Y).trunc()
    columns = [angle.cos(), shear_x - angle.sin(), shear_x * height / 2 - right]
    rows = [shear_y + angle.sin(), angle.cos(), shear_y * width / 2 - down]
    return torch.stack([torch.stack(columns, dim=1), torch.stack(rows, dim=1)], dim=1)


def _blended_with(images: Tensor, operation: Tensor) -> Tensor:
    kinds = [
        (Op.COLOUR, colour.grey(images)),
        (Op.CONTRAST, colour.mean_grey(images)),
        (Op.SHARPNESS, colour.smooth(images)),
    ]
    other = colour.black(images)
    for one, degenerate in kinds:
        other = torch.where((operation == one)[:, None, None, None], degenerate, other)
    return other


def _tables(images: Tensor, operation: Tensor, magnitude: Tensor) -> Tensor:
    tables = same = levels.same(images)
    bits = torch.where(operation == Op.POSTERIZE, magnitude, 8)
    threshold = torch.where(operation == Op.SOLARIZE, magnitude * colour.TOP, levels.LEVELS)
    tables = levels.solarized(levels.posterized(tables, bits), threshold)
    for one, changed in (
        (Op.AUTOCONTRAST, levels.stretched(same, images)),
        (Op.EQUALIZE, levels.equalized(same, images)),
    ):
        tables = torch.where((operation == one)[:, None, None], changed, tables)
    return tables


def _magnitudes(top: dict[Operation, float], bits: int) -> list[list[float]]:
    """The magnitude of each operation in each of the 31 strengths, without its sign.

    `top`: the largest; `bits`: how many posterize takes away at most.
    """
    shares = [bin / (BINS - 1) for bin in range(BINS)]
    table = [[top.get(one, 0.0) * share for share in shares] for one in Operation]
    table[Op.POSTERIZE] = [float(round(8 - share * bits)) for share in shares]
    table[Op.SOLARIZE] = [1 - share for share in shares]
    return table


def _rand_magnitudes(height: int, width: int) -> list[list[float]]:
    top = dict.fromkeys(BLENDING, 0.9) | {Op.SHEAR_X: 0.3, Op.SHEAR_Y: 0.3, Op.ROTATE: 30.0}
    return _magnitudes(top | {Op.TRANSLATE_X: 150 / 331 * width, Op.TRANSLATE_Y: 150 / 331 * height}, 4)


def _trivial_magnitudes() -> list[list[float]]:
    top = dict.fromkeys((*BLENDING, Op.SHEAR_X, Op.SHEAR_Y), 0.99)
    return _magnitudes(top | {Op.TRANSLATE_X: 32.0, Op.TRANSLATE_Y: 32.0, Op.ROTATE: 135.0}, 6)


class Policy:
    """Random operations, one after the other, as they follow from a view's number."""

    def __init__(self, magnitudes: list[list[float]], operations: int, device: torch.device) -> None:
        """`magnitudes` that an operation may have, for each of Operation."""
        self._magnitudes = torch.tensor(magnitudes, device=device)
        self._signed = torch.tensor([one in SIGNED for one in Operation], device=device)
        self._operations = operations

    @classmethod
    def randaugment(
        cls, operations: int, strength: int, height: int, width: int, device: torch.device
    ) -> "Policy":
        """RandAugment: so many operations of one strength, 0 to 30."""
        table = _rand_magnitudes(height, width)
        return cls([[magnitudes[strength]] for magnitudes in table], operations, device)

    @classmethod
    def trivial(cls, device: torch.device) -> "Policy":
        """TrivialAugment in its wide space: one operation of random strength."""
        return cls(_trivial_magnitudes(), 1, device)

    def __call__(self, images: Tensor, draws: Draws) -> Tensor:
        """Images (B, C, H, W), 0 to 255, after their operations: whole numbers in float32."""
        images = images.float().round()
        for number in range(self._operations):
            images = operate(images, *self.drawn(draws, number))
        return images

    def drawn(self, draws: Draws, number: int) -> tuple[Tensor, Tensor]:
        """The operation (B,) int64 of this number, from 0, and its magnitude (B,) float32."""
        place = Place.POLICY + 3 * number
        operation = draws.below(place, len(Operation))
        strength = draws.below(place + 1, self._magnitudes.shape[1])
        magnitude = self._magnitudes[operation, strength]
        negative = self._signed[operation] & (draws.below(place + 2, 2) == 1)
        return operation, torch.where(negative, -magnitude, magnitude)
