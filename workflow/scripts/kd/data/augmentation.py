"""Which views a study shows of its images: a finite, numbered set of crops, or endless resized ones."""

from dataclasses import dataclass

ENDLESS = 2**61  # views of an image whose crops are resized: more than could be stored, so none are
PLAIN = -1  # the number of the view that shows the image as it is, where views are endless


@dataclass(frozen=True)
class Augmentation:
    """Random crops of the image padded by `pad` pixels a side, or resized crops of shares `area` of it."""

    pad: int = 0
    flip: bool = False  # whether a mirrored image still belongs to its class
    area: tuple[float, float] | None = None  # the least and the largest share; `pad` is then not used
    views: int | None = None  # versions of each image that all seeds and epochs share; None: no such limit

    @property
    def numbers(self) -> int:
        """What a view's number is below: (2p + 1)² positions, times two with mirroring, or ENDLESS."""
        return ENDLESS if self.area else (2 * self.pad + 1) ** 2 * (2 if self.flip else 1)

    @property
    def count(self) -> int:
        """How many versions of an image there are: `views`, or else as many as numbers of views."""
        return self.views or self.numbers

    @property
    def finite(self) -> bool:
        """Whether a teacher's logits can be stored for all versions at once."""
        return self.count < ENDLESS

    @property
    def plain(self) -> int:
        """The number of the view that shows the image as it is: centred, not mirrored."""
        return PLAIN if self.area else self.pad * (2 * self.pad + 1) + self.pad
