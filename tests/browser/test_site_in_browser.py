"""The site in a real browser: from the disk and from a server, on a phone, and what it asks for."""

import threading
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe

SEARCH = ".md-search__input"


class _Silent(SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        """Nothing."""


@pytest.fixture
def served(site: Path) -> Iterator[str]:
    """The address of the site as `python -m http.server -d site` shows it."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Silent, directory=str(site)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def visit(browser: Any) -> Iterator[Callable[..., tuple[Any, list[str]]]]:
    """Opens an address; the page, and all that it has asked for so far."""
    contexts = []

    def open_it(address: str, width: int = 1280, **options: Any) -> tuple[Any, list[str]]:
        contexts.append(browser.new_context(viewport={"width": width, "height": 900}, **options))
        page, asked = contexts[-1].new_page(), []
        page.on("request", lambda request: asked.append(request.url))
        page.goto(address)
        return page, asked

    yield open_it
    for context in contexts:
        context.close()


@pytest.mark.parametrize("width", [390, 1280])
def test_from_the_disk_no_search_is_offered(site, visit, width):
    page, asked = visit((site / "index.html").as_uri(), width)
    assert page.locator("h1").first.is_visible()
    assert not page.locator(SEARCH).is_visible()
    assert not page.locator('.md-header__button[for="__search"]').is_visible()
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []


def test_from_a_server_the_search_finds_a_page_and_asks_no_other_host(served, visit):
    page, asked = visit(f"{served}/index.html")
    page.locator(SEARCH).click()
    page.locator(SEARCH).press_sequentially("relational")
    page.locator(".md-search-result__link").first.wait_for(timeout=20_000)
    links = page.locator(".md-search-result__link").evaluate_all("all => all.map((each) => each.href)")
    assert any("methods/rkd.html" in link for link in links), links
    assert [url for url in asked if not url.startswith((served, "data:", "blob:"))] == []


@pytest.mark.full
def test_formulas_fit_on_a_phone(site, visit):
    """How wide they are is up to the style sheets; without the scripts of the theme a page opens faster."""
    wide = "all => all.map((each) => each.scrollWidth > each.clientWidth)"
    page, _ = visit((site / "methods.html").as_uri(), 390, java_script_enabled=False)
    formulas = {}
    for file in sorted((site / "methods").glob("*.html")):
        page.goto(file.as_uri())
        formulas[file.stem] = page.locator(".formula").evaluate_all(wide)
    assert [name for name, too_wide in formulas.items() if any(too_wide)] == []
    assert sum(map(bool, formulas.values())) > 20


def test_a_number_and_its_interval_stay_on_one_line(site, visit):
    """A cell of numbers is as high as one of a line: 2 × 0.5 em of padding and one line."""
    page, _ = visit((site / "results" / "digits.html").as_uri())
    cells = page.locator("td[style*=right]")
    heights = cells.evaluate_all(
        "all => all.map((each) => { const range = document.createRange();"
        " range.selectNodeContents(each); return range.getClientRects().length; })"
    )
    assert len(heights) > 100
    assert max(heights) == 1


@pytest.mark.parametrize(
    ("name", "picture"),
    [("index", "dumbbell"), ("how-it-works", "rules"), ("what-is-distillation", "soft_targets")],
)
def test_a_drawing_is_read_on_a_phone(site, visit, name, picture):
    """It is not made smaller than three quarters of its size."""
    page, _ = visit((site / f"{name}.html").as_uri(), 390)
    image = page.locator(f"img[src*={picture}]")
    drawn, shown = image.evaluate("each => [each.naturalWidth, each.clientWidth]")
    assert shown > 0.75 * drawn


FULL = pytest.mark.full
# Pages of each kind: prose with pictures, commands and tables, a method with formulas, results, generated keys.
KINDS = (
    "index",
    "what-is-distillation",
    "tutorial",
    "methods",
    "methods/at",
    "results/zoo",
    "tour",
    "reference",
)
QUICK = {("index", 390, "dark"), ("methods/at", 1280, "light"), ("tutorial", 1280, "dark")}


@pytest.mark.parametrize(
    ("name", "width", "scheme"),
    [
        pytest.param(*case, marks=() if case in QUICK else FULL)
        for case in sorted(
            QUICK | {(name, *view) for name in KINDS for view in ((390, "dark"), (1280, "light"))}
        )
    ],
)
def test_axe_finds_nothing_on_a_page(site, visit, name, width, scheme):
    """Contrast, links within text, headings of tables, and that what scrolls can be reached by the keyboard."""
    page, _ = visit((site / f"{name}.html").as_uri(), width, color_scheme=scheme)
    dark = page.evaluate("document.body.getAttribute('data-md-color-scheme')") == "slate"
    assert dark == (scheme == "dark")
    violations = Axe().run(page)
    assert violations.violations_count == 0, violations.generate_report()
    assert page.evaluate("document.documentElement.scrollWidth") == width


SCROLLS = "all => all.filter((each) => each.scrollWidth > each.clientWidth + 1).map((each) => each.innerText)"


@pytest.mark.full
def test_commands_are_read_without_scrolling(site, visit):
    page, _ = visit((site / "index.html").as_uri(), 1400, java_script_enabled=False)
    pages = [*site.glob("*.html"), *(site / "how-to").glob("*.html")]
    wide = {}
    for file in sorted(pages):
        if file.name not in ("404.html", "changelog.html"):
            page.goto(file.as_uri())
            wide[file.name] = page.locator("pre.language-bash code, .language-bash code").evaluate_all(
                SCROLLS
            )
    assert {name: blocks for name, blocks in wide.items() if blocks} == {}
    assert len(wide) > 20
