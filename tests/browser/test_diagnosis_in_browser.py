"""The page of a diagnosis in a real browser: contrast, widths, and its switch by keyboard."""

from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from diagnosed import made_up, page_of


@pytest.fixture(scope="module")
def page_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a student of ten seeds and ten classes, of which some have names."""
    classes = [*(str(number) for number in range(8)), "aeroplane", "cat"]
    path = tmp_path_factory.mktemp("diagnosed") / "diagnosis.html"
    path.write_text(page_of(made_up(classes, samples=300, seeds=range(10))), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("width", "scheme"),
    [
        (390, "dark"),
        *(
            pytest.param(*view, marks=pytest.mark.full)
            for view in ((390, "light"), (1280, "light"), (1280, "dark"))
        ),
    ],
)
def test_it_is_accessible_and_no_wider_than_the_screen(width, scheme, shown, page_file):
    page = shown(page_file, width=width, color_scheme=scheme)
    results = Axe().run(page)
    assert results.violations_count == 0, results.generate_report()
    assert page.evaluate("document.documentElement.scrollWidth") == width


def test_the_views_of_the_confusion_matrix_are_switched_by_keyboard(opened, page_file):
    page = opened(page_file).page
    views = page.locator(".view")
    assert views.count() == 3
    page.get_by_role("radio", name="% of the true class").focus()
    for place in (0, 1, 2):
        assert [view.is_visible() for view in views.all()] == [at == place for at in range(3)]
        page.keyboard.press("ArrowRight")
    assert page.get_by_role("radio", name="% of the true class").is_checked()  # round and round
    summary = page.locator("summary", has_text="Gain of every seed")
    summary.focus()
    page.keyboard.press("Enter")
    assert page.get_by_role("region", name="Gain of every class and seed").is_visible()
