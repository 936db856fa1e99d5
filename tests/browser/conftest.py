"""A browser for all tests of pages, and the report of a made-up study."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from chromium import Opened, started
from fake_results import write_results
from fake_runs import fake_study

import build_report


# Closed with its module: another one is started by other tests, and there can be but one at a time.
@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with started() as browser:
        yield browser


@pytest.fixture(scope="session")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of three teachers, two students, two methods and three seeds."""
    files = write_results(
        tmp_path_factory.mktemp("results") / "study", fake_study(teachers=3, seeds=3, methods=("kd", "at"))
    )
    build_report.main(**files)
    return files["report"]


@pytest.fixture
def opened(browser: Any, report: Path) -> Iterator[Callable[..., Opened]]:
    """Opens the report; what any test leaves open is closed, and none may have made it complain."""
    pages = []

    def open_it(file: Path = report, **options: Any) -> Opened:
        pages.append(Opened(browser, file, **options))
        return pages[-1]

    yield open_it
    for page in pages:
        assert page.console == []
        assert page.asked() == []
        page.page.context.close()


@pytest.fixture(scope="module")
def kept(browser: Any) -> Iterator[dict[Path, Opened]]:
    """The pages that the tests of a module have open in common."""
    pages: dict[Path, Opened] = {}
    yield pages
    for page in pages.values():
        page.page.context.close()


@pytest.fixture
def shown(browser: Any, kept: dict[Path, Opened], report: Path) -> Iterator[Callable[..., Any]]:
    """Shows the report at a width and in a scheme: opened once for all tests of a module that leave it as it is.

    The script of a report knows of neither, so a page that is made narrower is as one that was opened so.
    """

    def show(file: Path = report, width: int = 1280, color_scheme: str = "light", media: str = "null") -> Any:
        if file not in kept:
            kept[file] = Opened(browser, file)
        page = kept[file].page
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(color_scheme=color_scheme, media=media)
        return page

    yield show
    for page in kept.values():
        assert page.console == []
        assert page.asked() == []
