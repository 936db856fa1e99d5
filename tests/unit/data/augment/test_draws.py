"""Draws from a number: the bits of the host on every device, even, and independent of each other."""

import numpy as np
import torch
from scipy import stats

from kd.data.augment.draws import Draws, Place

MASK = 2**64 - 1
NUMBERS = torch.tensor([0, 1, 5, 2**40 + 3, 2**61 - 1, -1])


def scrambled(word):
    """SplitMix64 in Python's whole numbers."""
    word = ((word ^ (word >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    word = ((word ^ (word >> 27)) * 0x94D049BB133111EB) & MASK
    return word ^ (word >> 31)


def expected(number, place):
    golden = 0x9E3779B97F4A7C15
    state = scrambled((number + golden) & MASK)
    return scrambled((state + golden + place) & MASK)


def test_words_are_splitmix64s():
    for place in (0, 1, Place.POLICY + 5):
        words = [word & MASK for word in Draws(NUMBERS).words(place).tolist()]
        assert words == [expected(number, place) for number in NUMBERS.tolist()]


def test_a_uniform_draw_is_the_first_24_bits_and_a_whole_one_the_first_32():
    draws = Draws(NUMBERS)
    words = [expected(number, 3) for number in NUMBERS.tolist()]
    assert draws.uniform(3).tolist() == [(word >> 40) / 2**24 for word in words]
    assert draws.below(3, 81).tolist() == [(word >> 32) * 81 >> 32 for word in words]
    assert draws.below(3, torch.tensor([1, 2, 3, 4, 5, 6])).tolist() == [
        (word >> 32) * count >> 32 for word, count in zip(words, range(1, 7), strict=True)
    ]


def test_draws_are_even_and_unrelated():
    """Of 20,000 numbers in a row: Kolmogorov-Smirnov and chi-squared at 1 in 1,000, correlations within 5 deviations."""
    draws = Draws(torch.arange(20_000))
    first, second = draws.uniform(0).numpy(), draws.uniform(1).numpy()
    assert stats.kstest(first, "uniform").pvalue > 1e-3
    assert stats.chisquare(np.bincount(draws.below(2, 14), minlength=14)).pvalue > 1e-3
    assert abs(np.corrcoef(first, second)[0, 1]) < 5 / 20_000**0.5
    assert abs(np.corrcoef(first[1:], first[:-1])[0, 1]) < 5 / 20_000**0.5
    assert (draws.between(0, -2, 3).numpy() == np.float32(-2) + np.float32(5) * first).all()
