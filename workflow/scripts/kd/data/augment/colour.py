"""Colour operations on images (B, C, H, W) float32 from 0 to 255, with parameters for each image.

The operations and formulas of torchvision.transforms.v2.functional. That rounds to whole numbers in between
where it gets uint8, mostly down; here nothing is rounded, so that results differ by less than two levels.
"""

import torch
from torch import Tensor

TOP = 255  # the brightest level
GREY = (0.2989, 0.587, 0.114)  # of red, green and blue


def grey(images: Tensor) -> Tensor:
    """Their brightness, (B, 1, H, W)."""
    if images.shape[1] != len(GREY):
        return images.mean(1, keepdim=True)
    red, green, blue = images.split(1, dim=1)
    return GREY[0] * red + GREY[1] * green + GREY[2] * blue


def blend(images: Tensor, others: Tensor, factor: Tensor) -> Tensor:
    """factor · image + (1 − factor) · other, kept within the levels; factor (B,) may be above 1."""
    factor = factor[:, None, None, None]
    return (factor * images + (1 - factor) * others).clamp(0, TOP)


def black(images: Tensor) -> Tensor:
    """What an image is blended with to change its brightness."""
    return torch.zeros_like(images[:, :1])


def mean_grey(images: Tensor) -> Tensor:
    """What an image is blended with to change its contrast: its mean brightness, (B, 1, 1, 1)."""
    return grey(images).mean((1, 2, 3), keepdim=True)


def smooth(images: Tensor) -> Tensor:
    """What an image is blended with to change its sharpness; the border stays, and all below 3 pixels.

    Means over 3×3 pixels, of which the middle one counts five times.
    """
    if min(images.shape[2:]) < 3:
        return images
    smoothed, middle = images.clone(), (..., slice(1, -1), slice(1, -1))
    # No convolution: a GPU may round its factors.
    columns = images[:, :, :-2] + images[:, :, 1:-1] + images[:, :, 2:]
    squares = columns[..., :-2] + columns[..., 1:-1] + columns[..., 2:]
    smoothed[middle] = (squares + 4 * images[middle]) / 13
    return smoothed


def shift_hue(images: Tensor, shift: Tensor) -> Tensor:
    """Turn the hue of RGB images by shift (B,) of the whole circle; grey images stay.

    Smith 1978 (Color gamut transform pairs): by way of hue, saturation and value.
    """
    if images.shape[1] != len(GREY):
        return images
    value, chroma = images.amax(1), images.amax(1) - images.amin(1)
    red, green, blue = images.unbind(1)
    safe = torch.where(chroma == 0, 1, chroma)
    sixths = torch.where(value == green, 2 + (blue - red) / safe, 4 + (red - green) / safe)
    sixths = torch.where(value == red, (green - blue) / safe, sixths) + 6 * shift[:, None, None]
    # Of a channel n (red 5, green 3, blue 1): value − chroma · max(0, min(k, 4 − k, 1)), k = (n + hue) mod 6.
    channels = []
    for place in (5, 3, 1):
        k = (place + sixths) % 6
        channels.append(value - chroma * torch.minimum(k, 4 - k).clamp(0, 1))
    return torch.stack(channels, dim=1)
