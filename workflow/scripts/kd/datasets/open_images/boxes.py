"""How a photograph, or what a box in it holds, comes to stand upright."""

from dataclasses import dataclass

from PIL import Image

from kd.datasets.readers.upright import upright as by_exif


@dataclass(frozen=True)
class Box:
    """Where an object is, as shares of the image's width and height, before it is turned."""

    left: float
    right: float
    top: float
    bottom: float

    @property
    def area(self) -> float:
        """Its share of the image."""
        return (self.right - self.left) * (self.bottom - self.top)


def upright(image: Image.Image, turn: int | None, box: Box | None) -> Image.Image:
    """The image, or a square around the box in it, turned counterclockwise by `turn` degrees (0, 90, ...).

    Where `turn` is not known (None), it is turned by its EXIF orientation. Both refer to the pixels as
    they are stored: applying both would turn it twice.
    """
    if box is not None:
        image = image.crop(square_around(box, image.size))
    if turn is None:
        return by_exif(image)
    return image.rotate(turn, expand=True)


def square_around(box: Box, size: tuple[int, int]) -> tuple[int, int, int, int]:
    """Left, top, right and bottom (pixels) of the smallest square around a box, as far as there is room.

    `size` is the width and the height of the image. A box that is longer than the image's shorter side is
    cut at both ends.
    """
    width, height = size
    side = max((box.right - box.left) * width, (box.bottom - box.top) * height)
    side = max(1, min(round(side), width, height))
    left = round((box.left + box.right) / 2 * width - side / 2)
    top = round((box.top + box.bottom) / 2 * height - side / 2)
    left, top = min(max(left, 0), width - side), min(max(top, 0), height - side)
    return left, top, left + side, top + side
