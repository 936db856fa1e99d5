"""How a view's number becomes its pixels: of the finite set of padded crops, or of endless resized ones."""

import math

import torch
from torch import Tensor
from torch.nn import functional

from kd.data.augmentation import PLAIN

BITS = 15  # of a view's number, for each of the four that a resized crop is drawn by
RATIO = 4 / 3  # of its sides, either way; torchvision's


class PaddedCrops:
    """The image padded by `pad` pixels on each side, cropped back to its size, and mirrored or not.

    View v begins at row (v mod (2p + 1)²) div (2p + 1) and column v mod (2p + 1) of the padded image, and is
    mirrored from (2p + 1)² on. Padding is 0, or shows the image reflected at its border.
    """

    def __init__(self, pad: int, *, reflect: bool = False) -> None:
        self.pad, self._reflect = pad, reflect

    def cut(self, images: Tensor, views: Tensor) -> Tensor:
        """Views (B,) int64 of images (B, H, W, C) uint8: the same shape and type."""
        pad, side = self.pad, 2 * self.pad + 1
        samples, height, width = (torch.arange(size, device=images.device) for size in images.shape[:3])
        mirrored, position = views // side**2, views % side**2
        rows = (position // side)[:, None] + height
        # Mirroring a crop is reading its columns backwards.
        columns = torch.where(mirrored[:, None] == 1, width.flip(0), width)
        columns = (position % side)[:, None] + columns
        if self._reflect:
            rows, columns = _reflected(rows - pad, len(height)), _reflected(columns - pad, len(width))
        else:
            images = functional.pad(images, (0, 0, pad, pad, pad, pad))
        return images[samples[:, None, None], rows[:, :, None], columns[:, None, :]]


def _reflected(places: Tensor, side: int) -> Tensor:
    """Places on an image of this side, for those beyond its border too; the border itself is not repeated."""
    there_and_back = max(1, 2 * (side - 1))
    places = places % there_and_back
    return torch.minimum(places, there_and_back - places).clamp(max=side - 1)


class ResizedCrops:
    """A part of the image of random size, shape and place, resized to the image's size, mirrored by chance.

    Szegedy et al. 2014 (arXiv:1409.4842, section 6): the part's share of the area is even in `area`, the
    logarithm of its sides' ratio in ±log 4/3. Where torchvision draws again if a side is longer than the
    image, that side is cut here, so that a view is a function of its number.
    """

    def __init__(self, area: tuple[float, float], flip: bool) -> None:
        self.area, self.flip = area, flip

    def boxes(self, views: Tensor) -> tuple[Tensor, Tensor]:
        """Of views (B,) int64: top, left, height, width (B, 4), as shares; and whether mirrored (B,).

        A number holds, from its last bit on: mirrored, then 15 bits each for area, ratio, row and column.
        """
        mirrored = (views % 2 == 1) & self.flip
        fields = [(views >> 1 + BITS * place) % 2**BITS for place in range(4)]
        area, ratio, row, column = ((field.float() + 0.5) / 2**BITS for field in fields)
        area = self.area[0] + (self.area[1] - self.area[0]) * area
        ratio = torch.exp((2 * ratio - 1) * math.log(RATIO))
        height, width = (area / ratio).sqrt().clamp(max=1), (area * ratio).sqrt().clamp(max=1)
        return torch.stack([row * (1 - height), column * (1 - width), height, width], dim=1), mirrored

    def cut(self, images: Tensor, views: Tensor) -> Tensor:
        """Views (B,) int64 of images (B, H, W, C) uint8: the same shape, float32; bilinear.

        A part is never larger than the result, so that nothing needs smoothing.
        """
        boxes, mirrored = self.boxes(views)
        sides = images.shape[1:3]
        places = [
            # The middles of the result's pixels, in the coordinates of grid_sample: the image is [-1, 1].
            2 * (boxes[:, axis, None] + boxes[:, 2 + axis, None] * _middles(sides[axis], images.device)) - 1
            for axis in range(2)
        ]
        columns = torch.where(mirrored[:, None], places[1].flip(1), places[1])
        rows, columns = torch.broadcast_tensors(places[0][:, :, None], columns[:, None, :])
        grid = torch.stack([columns, rows], dim=3)
        pixels = images.permute(0, 3, 1, 2).float()
        cut = functional.grid_sample(pixels, grid, padding_mode="border", align_corners=False)
        whole = (views == PLAIN)[:, None, None, None]
        return torch.where(whole, pixels, cut).permute(0, 2, 3, 1)


def _middles(side: int, device: torch.device) -> Tensor:
    return (torch.arange(side, device=device) + 0.5) / side
