"""From views' numbers to pixels: crop, mirroring, colour jitter, policy, normalisation, erasing.

The order of torchvision's reference training. Everything random is a function of a view's number.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from kd.data.augment import colour
from kd.data.augment.draws import Draws, Place
from kd.data.augment.policy import Policy
from kd.data.augment.rectangles import cutout_boxes, erased_boxes, inside
from kd.data.augmentation import Augmentation
from kd.data.crops import PaddedCrops, ResizedCrops


class Pipeline:
    """What an augmentation does to images of this size, (B, H, W, C) uint8 on `device`."""

    def __init__(self, how: Augmentation, height: int, width: int, device: torch.device) -> None:
        self._how = how
        self.erases = bool(how.erase or how.cutout)  # after images are normalised
        self._crops = (
            ResizedCrops(how.area, bool(how.flip))
            if how.area
            else PaddedCrops(how.pad, reflect=how.pad_mode == "reflect")
        )
        self._policy = None
        if how.randaugment:
            self._policy = Policy.randaugment(*how.randaugment, height, width, device)
        elif how.trivial_augment:
            self._policy = Policy.trivial(device)

    def pixels(self, images: Tensor, views: Tensor) -> Tensor:
        """Views (B,) int64 of images (B, H, W, C) uint8: the same shape, 0 to 255, uint8 or float32."""
        how, draws = self._how, Draws(views)
        if how.endless and not how.area:
            mirrored = views % 2 * bool(how.flip)
            views = draws.below(Place.CROP, how.positions) + how.positions * mirrored
        cut = self._crops.cut(images, views)
        if not (how.colour_jitter or self._policy):
            return cut
        changed = cut.permute(0, 3, 1, 2).float()
        if how.colour_jitter:
            changed = jitter(changed, draws, how.colour_jitter)
        if self._policy:
            changed = self._policy(changed, draws)
        return changed.permute(0, 2, 3, 1)

    def erase(self, images: Tensor, views: Tensor) -> Tensor:
        """Normalised images (B, C, H, W) without what their views (B,) int64 erase."""
        how, draws, sides = self._how, Draws(views), images.shape[2:]
        boxes = [erased_boxes(draws, how.erase, *sides)] if how.erase else []
        boxes += [cutout_boxes(draws, how.cutout, *sides)] if how.cutout else []
        for box in boxes:
            images = torch.where(inside(box, *sides), 0, images)
        return images


def jitter(images: Tensor, draws: Draws, most: Sequence[float]) -> Tensor:
    """Images (B, C, H, W), 0 to 255, with random brightness, contrast, saturation and hue, in this order.

    Factors are even in 1 ± `most`, at least 0; the hue turns by ± the last of them. torchvision's ColorJitter
    draws the order too.
    """
    blends = (
        (Place.BRIGHTNESS, colour.black),
        (Place.CONTRAST, colour.mean_grey),
        (Place.SATURATION, colour.grey),
    )
    *factors, hue = most
    for (place, other), size in zip(blends, factors, strict=True):
        if size:
            factor = draws.between(place, max(0.0, 1 - size), 1 + size)
            images = colour.blend(images, other(images), factor)
    return colour.shift_hue(images, draws.between(Place.HUE, -hue, hue)) if hue else images
