"""The report of a study that was really run: its links, its numbers, and how Snakemake's own report shows it."""

import json
import re
import zipfile
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

import pytest
import yaml
from chromium import Opened, started


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with started() as chromium:
        yield chromium


def test_every_link_of_a_real_report_leads_somewhere(finished_study):
    results = finished_study.folder / "results/tiny"
    source = (results / "report.html").read_text()
    links = set(re.findall(r'href="([^"]*)"', source))
    assert links >= {"table.csv", "plots/gain.svg", "distilled/vgg16/cnn/kd/diagnosis.html", "config.yaml"}
    ids = set(re.findall(r' id="([^"]*)"', source))
    for link in links:
        assert unquote(link[1:]) in ids if link.startswith("#") else (results / unquote(link)).exists(), link
    for seed in (0, 1):
        run = f"distilled/mobilenet/cnn/kd/{seed}/metrics.json"
        accuracy = json.loads((results / run).read_text())["test_accuracy"]
        assert f"<td>{accuracy:.2f} <small>" in source


def test_a_real_study_keeps_its_config_and_says_when_and_by_which_command_it_ran(finished_study):
    results = finished_study.folder / "results/tiny"
    given = (results / "config.yaml").read_bytes()
    assert given == (finished_study.folder / "study.yaml").read_bytes()
    settings = yaml.safe_load((results / "config.resolved.yaml").read_text())
    assert settings["students"]["cnn"]["momentum"] == 0.9  # a default
    assert settings["x-changed"]["recipe.epochs"] == {"value": 2, "default": 200}
    source = (results / "report.html").read_text()
    assert re.search(r"first training started 20\d\d-\d\d-\d\d \d\d:\d\d UTC", source)
    assert re.search(r"command: <code>snakemake [^<]*--configfile study.yaml", source)


def test_the_command_that_a_report_names_ships_the_student(finished_study):
    source = (finished_study.folder / "results/tiny/report.html").read_text()
    (command,) = re.findall(r"<code>snakemake --cores 4 (\S+/README.md --configfile \S+)</code>", source)
    target, _, config = command.split()
    done = finished_study.snakemake(target, "--dry-run", config=config)
    assert re.findall(r"(?m)^rule (\w+):", done.stdout) == ["export_student"], done.stderr


def test_a_real_report_opens_in_a_browser(finished_study, browser):
    opened = Opened(browser, finished_study.folder / "results/tiny/report.html")
    assert opened.page.locator("#table tbody tr").count() == 2
    assert opened.page.locator(".figures img").count() == 8
    assert (opened.console, opened.asked()) == ([], [])


@pytest.mark.full
def test_snakemakes_report_holds_it_and_it_works_within(finished, browser, tmp_path):
    """As one page, where it is in a data address, and zipped, where it is a file in another folder."""
    finished.run("--report", str(tmp_path / "all.html"))
    finished.run("--report", str(tmp_path / "all.zip"))
    with zipfile.ZipFile(tmp_path / "all.zip") as archive:
        archive.extractall(tmp_path / "unzipped")
    for file in (tmp_path / "all.html", tmp_path / "unzipped/all/report.html"):
        works_within(Opened(browser, file))


def works_within(opened: Opened) -> None:
    page = opened.page
    page.get_by_text("Report", exact=True).last.click()
    page.locator("[iconname=eye]").click()
    page.wait_for_selector("iframe")
    (frame,) = page.frames[1:]
    frame.wait_for_selector("#framed:not([hidden])")
    assert frame.locator("a[href]:not([href^='#'])").count() == 0
    frame.locator("#table th").nth(5).get_by_role("button").click()
    assert frame.locator("#table th").nth(5).get_attribute("aria-sort") == "descending"
    frame.get_by_role("link", name="Configuration").click()
    frame.wait_for_selector("#configuration:target")
    # Snakemake's own page warns of how its style is made.
    assert [text for text in opened.console if "tailwind" not in text] == []
    assert all(url.startswith("file:") for url in opened.asked())
    page.context.close()
