"""The pictures of the README can be made again: `make pictures`."""

import re
import shutil

import pytest
from docsite import pictures
from PIL import Image


def names_in(drawing):
    """The rules, whose names have up to two lines."""
    nodes = re.findall(r'class="node">(.*?)</g>', drawing, re.DOTALL)
    return {"".join(re.findall(r"<text[^>]*>(\w+)</text>", node)) for node in nodes}


@pytest.mark.skipif(not shutil.which("dot"), reason="Graphviz is not installed")
def test_the_picture_of_the_rules_is_that_of_the_default_study(tmp_path):
    """The committed one too: it names every rule of the study, and draws no arrow that follows from others."""
    pictures.draw_rules(tmp_path / "rules.svg")
    drawn, kept = ((folder / "rules.svg").read_text() for folder in (tmp_path, pictures.IMAGES))
    rules = names_in(drawn)
    assert {
        "prepare_data",
        "train_teacher",
        "cache_targets",
        "train_baseline",
        "distill_student",
    } < rules
    assert names_in(kept) == rules, "run `make pictures`"
    edges = re.findall(r"<title>(\d+)&#45;&gt;(\d+)</title>", drawn)
    assert len(edges) == len(set(edges)) < 2 * len(rules)
    assert not re.search(r'(?:href|src)="http', drawn)


@pytest.mark.skipif(not shutil.which("chromium"), reason="Chromium is not installed")
def test_the_picture_of_a_page_is_its_upper_part_as_a_browser_shows_it(tmp_path):
    """In light colours, and with what its script does: half red, half blue, and nothing of the green below."""
    (tmp_path / "page.html").write_text(
        "<style>body { margin: 0 } div { height: 430px; background: black }"
        "@media (prefers-color-scheme: light) { #second { background: blue } } #third { background: lime }"
        "</style><div id=first></div><div id=second></div><div id=third></div>"
        "<script>document.getElementById('first').style.background = 'red'</script>"
    )
    pictures.picture_page(tmp_path / "page.html", tmp_path / "page.png")
    shown = Image.open(tmp_path / "page.png").convert("RGB")
    assert shown.size == Image.open(pictures.IMAGES / "table.png").size == (1280, 860)
    assert sorted(shown.getcolors()) == [(1280 * 430, (0, 0, 255)), (1280 * 430, (255, 0, 0))]
    assert shown.getpixel((0, 0)) == (255, 0, 0)


def test_a_study_that_has_not_run_has_no_picture(tmp_path, monkeypatch):
    monkeypatch.setattr(pictures, "draw_rules", lambda target: None)
    with pytest.raises(SystemExit, match=r"has no report\.html; run the study first"):
        pictures.main(tmp_path, tmp_path / "images")


def test_without_graphviz_one_line_says_so(tmp_path, monkeypatch):
    (tmp_path / "report.html").write_text("")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SystemExit, match="error: no program tred and dot; install Graphviz"):
        pictures.main(tmp_path, tmp_path / "images")
