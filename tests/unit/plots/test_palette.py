"""Colours and marks of methods: on white, in the dark, and in grey."""

from itertools import pairwise

import pytest
from contrast import contrast, luminance
from matplotlib.colors import to_hex

from kd.plots.palette import looks_of
from kd.plots.saving import PAPER, in_the_dark
from kd.plots.style import BASELINE

EIGHT = list(looks_of(map(str, range(8))).values())


def test_eight_methods_have_eight_colours_and_marks_and_nine_share_one():
    assert len({look.colour for look in EIGHT}) == len({look.marker for look in EIGHT}) == 8
    assert "o" not in {look.marker for look in EIGHT}  # that of baselines
    assert len(set(looks_of(map(str, range(9))).values())) == 1


@pytest.mark.parametrize("look", EIGHT)
def test_every_colour_is_seen_on_white_and_in_the_dark(look):
    """WCAG asks for 3 of what is not text."""
    assert contrast(look.colour, "white") >= 3
    assert contrast(in_the_dark(to_hex(look.colour)), PAPER) >= 3


def test_neighbours_differ_in_grey():
    colours = [look.colour for look in EIGHT]
    for first, second in pairwise(colours):
        assert contrast(first, second) > 1.3
    for first in range(3):  # of few methods all do
        for second in range(first):
            assert contrast(colours[first], colours[second]) > 1.3
    assert abs(luminance(BASELINE) - luminance(colours[0])) > 0.15
