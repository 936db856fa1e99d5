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
