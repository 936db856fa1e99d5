"""The system's Chromium, headless and without a network, for the tests of pages."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome")


@contextmanager
def started() -> Iterator[Any]:
    """A browser; the test is skipped, and says why, where there is none."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    program = next(filter(None, map(shutil.which, NAMES)), None)
    if program is None:
        pytest.skip("there is no Chromium here; tests/browser/install.sh installs it")
    with playwright.sync_playwright() as driver:
        # Without its sandbox, which root may not use; what is opened here was made here.
        browser = driver.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield browser
        browser.close()


class Opened:
    """A page that was opened without a network, its console messages and errors, and all its requests."""

    def __init__(self, browser: Any, file: Path, width: int = 1280, place: str = "", **options: Any) -> None:
        context = browser.new_context(viewport={"width": width, "height": 900}, offline=True, **options)
        self.page, self.console, self.requests = context.new_page(), [], []
        self.page.on("console", lambda message: self.console.append(message.text))
        self.page.on("pageerror", lambda error: self.console.append(str(error)))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.goto(file.as_uri() + place)

    def asked(self) -> list[str]:
        """What was asked for beside the file itself and what the page holds."""
        return [url for url in self.requests[1:] if not url.startswith("data:")]
