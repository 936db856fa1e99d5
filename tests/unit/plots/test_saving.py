"""Colours that can be seen, light and dark, and files that reproduce."""

from xml.etree import ElementTree

import matplotlib
import pytest
from contrast import contrast, luminance
from drawn_studies import STUDIES, written_table
from fake_runs import fake_study
from matplotlib.colors import to_hex

from kd.plots import style
from kd.plots.heat_map import draw_heat_map
from kd.plots.saving import INK, PAPER, in_the_dark, save
from kd.plots.style import BASELINE, COLOURS, DISTILLED, ink_on, message, short
from kd.report.style import STYLE


@pytest.mark.parametrize("value", [place / 20 for place in range(21)])
def test_text_in_a_cell_has_the_better_contrast(value):
    """WCAG asks for 4.5; one of black and white always has it."""
    colour = COLOURS(value)
    other = {"black": "white", "white": "black"}[ink_on(colour)]
    assert contrast(colour, ink_on(colour)) >= max(4.5, contrast(colour, other))


def test_short_keeps_both_ends():
    assert short("resnet18") == "resnet18"
    assert short("x" * 18) == "x" * 18
    assert short("a" * 30 + "b" * 30) == "a" * 12 + "…" + "b" * 5  # 18 in all


def test_files_are_equal_byte_for_byte_whatever_the_users_settings(tmp_path):
    table = written_table(STUDIES["smallest"], tmp_path)
    for name, size in (("first", 10.0), ("second.dotted", 33.0)):
        with matplotlib.rc_context({"font.size": size, "svg.hashsalt": None}):
            save(draw_heat_map(table), tmp_path / name)
    for suffix in (".svg", ".png"):
        first, second = (tmp_path / f"{name}{suffix}" for name in ("first", "second.dotted"))
        assert first.read_bytes() == second.read_bytes()
    assert "<dc:date>" not in (tmp_path / "first.svg").read_text(encoding="utf-8")


def test_saving_leaves_nothing_behind_but_two_files(tmp_path):
    save(message("nothing"), tmp_path / "plots" / "empty")
    assert sorted(path.name for path in (tmp_path / "plots").iterdir()) == ["empty.png", "empty.svg"]


def test_in_the_dark_white_is_paper_black_is_ink_and_colours_keep_their_hue():
    assert (in_the_dark("#ffffff"), in_the_dark("#000000")) == (PAPER, INK)
    assert f"--paper: {PAPER}; --ink: {INK};" in STYLE.split("prefers-color-scheme: dark")[1]
    # Lightness is half the sum of the largest and the smallest: 128/510 becomes 382/510, of 255 and 127.
    assert in_the_dark("#804000") == "#ffbf7f"


@pytest.mark.parametrize("colour", [BASELINE, DISTILLED, COLOURS(0.85), (0.35,) * 3, (0.25,) * 3])
def test_what_is_seen_on_white_is_seen_on_the_dark_paper(colour):
    """WCAG asks for 3 of what is not text; COLOURS(0.85), the lightest of lines, has less on white."""
    minimum = min(3, contrast(colour, "white"))
    assert contrast(in_the_dark(to_hex(colour)), PAPER) >= minimum


def test_an_svg_is_dark_for_who_prefers_it_and_as_it_was_for_all_others(tmp_path):
    """All that is new stands within one media query; the ids of texts on colours are each there once."""
    table = written_table(fake_study(2, 2, 1, methods=("kd", "at")), tmp_path)
    save(draw_heat_map(table), tmp_path / "map")
    written = (tmp_path / "map.svg").read_text(encoding="utf-8")
    style.save(draw_heat_map(table), tmp_path / "plain")
    root = ElementTree.fromstring(written)
    dark = root.find(".//{http://www.w3.org/2000/svg}style").text.split("}", 1)[1]
    assert written.replace(dark, "") == (tmp_path / "plain.svg").read_text(encoding="utf-8")
    assert dark.strip().startswith("@media (prefers-color-scheme: dark) {")
    assert dark.count("{") == dark.count("}")
    assert 'stroke: #ffffff"] { stroke: #15181c !important }' in dark
    ids = [part.get("id") for part in root.iter() if part.get("id", "").startswith("cell-")]
    assert len(ids) == len(set(ids)) == 2 * 3 * 2  # maps, teachers and (baseline), students


def test_main_colours_differ_in_grey():
    assert abs(luminance(BASELINE) - luminance(DISTILLED)) > 0.2
