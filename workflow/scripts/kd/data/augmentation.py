"""What a study does to its training images, and how many different versions of an image that makes."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

ENDLESS = 2**61  # views of an image of which nobody could store all
PLAIN = -1  # the number of the view that shows the image as it is, where views are endless


@dataclass(frozen=True)
class Augmentation:
    """Random crops of the image padded by `pad` pixels a side, or resized crops of shares `area` of it.

    All else is off unless it is set; the order of operations: kd.data.augment.pipeline.
    """

    pad: int = 0
    # Whether a mirrored image still belongs to its class; "alternate": mirrored in every other epoch.
    flip: bool | str = False
    area: tuple[float, float] | None = None  # the least and the largest share; `pad` is then not used
    pad_mode: str = "zeros"  # what padding shows: zeros, or the image reflected ("reflect")
    views: int | None = None  # versions of each image that all seeds and epochs share; None: no such limit
    colour_jitter: tuple[float, ...] | None = None  # most change of brightness, contrast, saturation, hue
    randaugment: tuple[int, int] | None = None  # operations, and their strength from 0 to 30
    trivial_augment: bool = False
    erase: float = 0.0  # probability that a rectangle is erased
    cutout: int = 0  # pixels a side of a square that is erased
    mixup: float = 0.0  # alpha of the share's distribution; 0: not mixed
    cutmix: float = 0.0

    def changed(self, changes: Mapping[str, Any]) -> "Augmentation":
        """With other values of some fields, as JSON has them."""
        return replace(
            self, **{name: tuple(it) if isinstance(it, list) else it for name, it in changes.items()}
        )

    @property
    def positions(self) -> int:
        """How many crops of a padded image there are: (2p + 1)²."""
        return (2 * self.pad + 1) ** 2

    @property
    def endless(self) -> bool:
        """Whether a view's number stands for more than the place of a padded crop and mirroring."""
        changes = self.colour_jitter, self.randaugment, self.trivial_augment, self.erase, self.cutout
        return bool(self.area or any(changes))

    @property
    def numbers(self) -> int:
        """What a view's number is below: (2p + 1)² positions, times two with mirroring, or ENDLESS."""
        return ENDLESS if self.endless else self.positions * (2 if self.flip else 1)

    @property
    def mixes(self) -> bool:
        """Whether two samples are mixed."""
        return bool(self.mixup or self.cutmix)

    @property
    def count(self) -> int:
        """How many versions of an image there are: `views`, the numbers of views, or ENDLESS if mixed."""
        return self.views or (ENDLESS if self.mixes else self.numbers)

    @property
    def finite(self) -> bool:
        """Whether a teacher's logits can be stored for all versions at once."""
        return self.count < ENDLESS

    @property
    def plain(self) -> int:
        """The number of the view that shows the image as it is: centred, not mirrored."""
        return PLAIN if self.endless else self.pad * (2 * self.pad + 1) + self.pad
