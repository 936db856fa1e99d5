"""Independent random draws that are functions of a number alone, in equal bits on every device.

SplitMix64 (Steele, Lea & Flood 2014), as kd/data/sampler.py has it on the host, in int64 arithmetic: products
of torch wrap around as those of uint64 do, and only a shift to the right needs its sign bits cleared.
"""

from enum import IntEnum

from torch import Tensor


class Place(IntEnum):
    """Which draw is for what, so that another option changes none of those that were there."""

    CROP = 0
    BRIGHTNESS = 1
    CONTRAST = 2
    SATURATION = 3
    HUE = 4
    ERASES = 5
    ERASED_AREA = 6
    ERASED_RATIO = 7
    ERASED_ROW = 8
    ERASED_COLUMN = 9
    CUTOUT_ROW = 10
    CUTOUT_COLUMN = 11
    POLICY = 32  # and those after it, three for each operation


def _signed(word: int) -> int:
    return (word + 2**63) % 2**64 - 2**63


_GOLDEN = 0x9E3779B97F4A7C15
_FIRST, _SECOND = _signed(0xBF58476D1CE4E5B9), _signed(0x94D049BB133111EB)


def _shifted(words: Tensor, bits: int) -> Tensor:
    """To the right, with zeros from the left."""
    return (words >> bits) & (2 ** (64 - bits) - 1)


def _scramble(words: Tensor) -> Tensor:
    words = (words ^ _shifted(words, 30)) * _FIRST
    words = (words ^ _shifted(words, 27)) * _SECOND
    return words ^ _shifted(words, 31)


class Draws:
    """As many draws as are wanted of each of the numbers (B,) int64, by their place."""

    def __init__(self, numbers: Tensor) -> None:
        self._state = _scramble(numbers + _signed(_GOLDEN))

    def words(self, place: int) -> Tensor:
        """(B,) int64, even over all 64 bits."""
        return _scramble(self._state + _signed(_GOLDEN + place))

    def uniform(self, place: int) -> Tensor:
        """(B,) float32, even in [0, 1): one of 2²⁴ values that float32 holds exactly."""
        return _shifted(self.words(place), 40).float() * 2.0**-24

    def between(self, place: int, low: float, high: float) -> Tensor:
        """(B,) float32, even in [low, high)."""
        return low + (high - low) * self.uniform(place)

    def below(self, place: int, count: int | Tensor) -> Tensor:
        """(B,) int64, even in [0, count), a number or (B,) int64 below 2³¹."""
        return _shifted(_shifted(self.words(place), 32) * count, 32)
