"""Figures as `save` writes them, in the report in a real browser: on a phone, in the dark and in print."""

import io
import re
from pathlib import Path

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from drawn_studies import curves_of, seeds_of
from fake_results import fake_latency, write_results
from fake_runs import fake_study
from matplotlib.image import imread

import build_report
from kd.plots.figures import figures_of
from kd.plots.saving import save_plot
from kd.plots.style import NARROW, WIDTH
from kd.results.table_csv import read_table

NAMES = ("accuracy_parameters", "gain", "heat_map", "learning_curves")  # in the order of the page
POINT = 4 / 3  # pixels of CSS


@pytest.fixture(scope="module")
def drawn(tmp_path_factory) -> Path:
    """The report of a study with its real figures."""
    runs = fake_study(teachers=2, students=2, seeds=2, epochs=5)
    files = write_results(tmp_path_factory.mktemp("drawn") / "study", runs, figures=NAMES)
    table = read_table(files["table"])
    plots = files["figures"][0].parent
    drawn = figures_of(table, seeds_of(runs), curves_of(runs), fake_latency(["cnn"]))
    for name in NAMES:
        save_plot(drawn[name], plots / name)
    build_report.main(**files)
    return files["report"]


def pixels(element) -> np.ndarray:
    """(height, width, 3) from 0 to 1."""
    return imread(io.BytesIO(element.screenshot()), format="png")[..., :3]


def share_of(image, colour) -> float:
    """How much of an image has this colour, which is written as 0xRRGGBB."""
    target = np.array([colour >> 16, colour >> 8 & 255, colour & 255]) / 255
    return float((np.abs(image - target).max(axis=-1) < 0.02).mean())


@pytest.mark.parametrize(
    ("width", "inches", "smallest"),
    [(320, NARROW, 9), (390, NARROW, 11), (768, WIDTH, 11), (1280, WIDTH, 11)],
)
def test_words_in_a_figure_can_be_read_at_every_width(width, inches, smallest, shown, drawn):
    """Nine points, the smallest words, are 12 pixels: a phone has figures of its own, which nothing cuts off."""
    page = shown(drawn, width=width)
    images = page.locator(".figures img")
    assert images.count() == len(NAMES)
    sizes = "(all) => all.map((i) => [i.clientWidth - 16, i.naturalWidth, i.parentElement.clientWidth])"
    for shown, own, room in images.evaluate_all(sizes):
        assert own == pytest.approx(inches * 72 * POINT, abs=1)
        assert 9 * POINT * shown / own > smallest
        assert shown <= room or not room
    assert page.evaluate("document.documentElement.scrollWidth") == width


def test_on_a_phone_no_figure_has_to_be_scrolled(opened, drawn):
    page = opened(drawn, width=390).page
    parts = page.locator(".figures .scroll")
    assert parts.evaluate_all("(all) => all.every((part) => part.scrollWidth <= part.clientWidth)")
    assert Axe().run(page).violations_count == 0


def test_a_figure_leads_to_its_file_where_there_is_one(shown, drawn):
    page = shown(drawn)
    links = page.locator(".figures .scroll a").evaluate_all("(all) => all.map((a) => a.href)")
    assert [link.split("/study/")[1] for link in links] == [f"plots/{name}.svg" for name in NAMES]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_figures_follow_the_scheme_and_maps_keep_their_colours(scheme, shown, drawn):
    """Paper is most of every figure but the map, whose cells stay as they are, with black ink on light ones."""
    page = shown(drawn, color_scheme=scheme)
    paper, ink = {"light": (0xFFFFFF, 0x000000), "dark": (0x15181C, 0xE6E8EB)}[scheme]
    # Navy on white is the baseline; in the dark its lightness, 78/510, is that of 432/510: light blue.
    baseline = {"light": 0x00224E, "dark": 0xB1D3FF}[scheme]
    shown = dict(zip(NAMES, map(pixels, page.locator(".figures img").all()), strict=True))
    for name, image in shown.items():
        assert share_of(image, paper) > (0.2 if name == "heat_map" else 0.6), name
        assert share_of(image, ink) > 0.001, name
        other = 0x15181C if scheme == "light" else 0xFFFFFF
        assert share_of(image, other) < 0.005, name  # no slab, and no box behind a name
    assert share_of(shown["accuracy_parameters"], baseline) > 0.0003
    assert share_of(shown["heat_map"], 0xEDEDED) > 0.02  # the baselines, which have no gain
    assert share_of(shown["heat_map"], 0x000000) > 0.0002  # the numbers on light cells


SIZES = """() => Object.fromEntries(Array.from(document.querySelectorAll('table'), (table) =>
  [table.parentElement.getAttribute('aria-label'), parseFloat(getComputedStyle(table).fontSize) * 0.75]))"""


def test_on_paper_tables_have_eight_points_but_for_the_widest(shown, drawn):
    page = shown(drawn, media="print")
    sizes = page.evaluate(SIZES)
    assert sizes.pop("Table of everything measured") == pytest.approx(6, abs=0.01)
    assert list(sizes.values()) == pytest.approx([8] * len(sizes), abs=0.01)
    # A4 across without its margins: what is wider is cut off.
    page.set_viewport_size({"width": round(27.7 / 2.54 * 96), "height": 700})
    assert page.evaluate("document.documentElement.scrollWidth") <= round(27.7 / 2.54 * 96)
    for kind in ("h2", "h3", "summary"):
        rule = f"getComputedStyle(document.querySelector('{kind}')).breakAfter"
        assert page.evaluate(rule) == "avoid", kind


def test_how_to_read_the_numbers_has_no_page_of_its_own(opened, drawn):
    """The summary and tables, the figures, the runs, the configuration: pages of which none is nearly empty."""
    pdf = opened(drawn).page.pdf(prefer_css_page_size=True)
    assert len(re.findall(rb"/Type /Page\n", pdf)) <= 7


def test_on_paper_all_is_light(shown, drawn):
    page = shown(drawn, color_scheme="dark", media="print")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
