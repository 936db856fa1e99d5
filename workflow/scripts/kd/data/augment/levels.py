"""Operations that give each level of a channel another one: tables of 256 entries for each image and channel.

As in torchvision.transforms.v2.functional on uint8, but that its autocontrast rounds down.
"""

import torch
from torch import Tensor

LEVELS = 256


def look_up(images: Tensor, tables: Tensor) -> Tensor:
    """What tables (B, C, 256) float32 hold for images (B, C, H, W) of whole numbers 0 to 255."""
    return tables.gather(2, images.flatten(2).long()).view_as(images)


def same(images: Tensor) -> Tensor:
    """Every level as it is, (B, C, 256)."""
    levels = torch.arange(LEVELS, dtype=images.dtype, device=images.device)
    return levels.expand(*images.shape[:2], LEVELS)


def posterized(tables: Tensor, bits: Tensor) -> Tensor:
    """The first `bits` (B,) of each level, the others 0."""
    dropped = (8 - bits).long()[:, None, None]
    return (tables.long() >> dropped << dropped).to(tables.dtype)


def solarized(tables: Tensor, threshold: Tensor) -> Tensor:
    """Levels from threshold (B,) on inverted."""
    return torch.where(tables >= threshold[:, None, None], LEVELS - 1 - tables, tables)


def stretched(tables: Tensor, images: Tensor) -> Tensor:
    """The darkest level of each channel of the images to 0, the brightest to 255: autocontrast."""
    low, high = images.amin((2, 3))[:, :, None], images.amax((2, 3))[:, :, None]
    flat = low == high
    scale = (LEVELS - 1) / torch.where(flat, 1, high - low)
    return torch.where(flat, tables, ((tables - low) * scale).clamp(0, LEVELS - 1))


def equalized(tables: Tensor, images: Tensor) -> Tensor:
    """Levels spread so that all are about as frequent in a channel, as Pillow's ImageOps.equalize does it.

    Level l becomes (n(l) + s/2) / s, rounded down: n pixels are darker than l, and s is a 255th of all that
    are not of the brightest level. A channel with s = 0 stays.
    """
    pixels = images.flatten(2).long()
    counts = torch.zeros(*pixels.shape[:2], LEVELS, dtype=torch.int64, device=images.device)
    counts = counts.scatter_add(2, pixels, torch.ones_like(pixels))
    darker = counts.cumsum(2) - counts
    brightest = counts.gather(2, pixels.amax(2, keepdim=True))
    step = (pixels.shape[2] - brightest) // (LEVELS - 1)
    spread = (darker + step // 2) // step.clamp(min=1)
    return torch.where(step == 0, tables, spread.clamp(max=LEVELS - 1).to(tables.dtype))
