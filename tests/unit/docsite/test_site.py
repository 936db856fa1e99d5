"""The site: it is built without a warning, leads nowhere that is not there, and asks nothing of other hosts."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from html_page import Page

from kd import registry

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[Path, Page]:
    return {
        file: Page(file.read_text(encoding="utf-8"))
        for file in site.rglob("*.html")
        if file.name != "404.html"
    }


def test_every_page_of_the_folder_is_there(site, pages):
    written = {file.relative_to(ROOT / "docs").with_suffix(".html") for file in (ROOT / "docs").rglob("*.md")}
    taken = {Path(f"{name}.html") for name in ("index", "reference", "configuration", "contributing")}
    assert written | taken <= {file.relative_to(site) for file in pages}


def test_every_link_and_anchor_leads_somewhere(site, pages):
    lost, seen = [], 0
    for file, page in pages.items():
        for link in page.links:
            address = urlsplit(link)
            if address.scheme in ("http", "https", "mailto", "data"):
                continue
            target = (file.parent / unquote(address.path)).resolve() if address.path else file
            target = target / "index.html" if target.is_dir() else target
            seen += 1
            anchors = pages[target].ids if target in pages else {address.fragment}
            if not target.is_file() or (address.fragment and unquote(address.fragment) not in anchors):
                lost.append(f"{file.relative_to(site)}: {link}")
    assert lost == []
    assert seen > 2000


def test_nothing_is_asked_of_other_hosts(site, pages):
    for file, page in pages.items():
        assert [load for load in page.loads if urlsplit(load).netloc] == [], file
        assert {"base", "object", "embed"} & set(page.tags) == set()
    for file in site.rglob("*.css"):
        text = file.read_text(encoding="utf-8")
        assert "@import" not in text
        assert [url for url in re.findall(r"url\(([^)]*)\)", text) if "//" in url.split(",")[0]] == [], file


def test_formulas_are_shown_without_a_script(pages):
    for file, page in pages.items():
        assert "$$" not in page.prose, file
        assert r"\(" not in page.prose, file
        assert "\\frac" not in page.prose, file


def _sections(page: str) -> dict[str, str]:
    """The page of every key by the ids of its headings."""
    parts = re.split(r'<h[23] id="([^"]+)">', page)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def _rows(section: str) -> dict[str, str]:
    """The rows of a section's table by their keys."""
    rows = re.findall(r"<tr>\s*<td><code>(.*?)</code></td>(.*?)</tr>", section, re.DOTALL)
    return dict(rows)


def _words(value: dict) -> Iterator[str]:
    """The allowed words of a property, wherever in its schema they stand."""
    if value:
        yield from value.get("enum", ())
        for inner in (*value.get("anyOf", ()), value.get("items", {})):
            yield from _words(inner)


def test_every_key_of_the_schema_is_on_its_page(site):
    """With its default, its words and its meaning, as the committed schema has them."""
    schema = json.loads((ROOT / "config" / "schema.json").read_text(encoding="utf-8"))
    sections = _sections((site / "reference.html").read_text(encoding="utf-8"))
    parts = {"the-file": schema} | {name.lower(): part for name, part in schema["$defs"].items()}
    for place, part in parts.items():
        rows = _rows(sections[place])
        assert rows.keys() == part["properties"].keys()
        for key, value in part["properties"].items():
            for word in _words(value):
                assert f"<code>{word}</code>" in rows[key], key
            if isinstance(default := value.get("default"), int | float | str):
                shown = default if isinstance(default, str) else json.dumps(default)
                assert f"<code>{shown}</code>" in rows[key], key
            if key in part.get("required", ()):
                assert "<td>needed</td>" in rows[key]
            if first := re.match(r"[\w ]+", value.get("description", "")):
                assert first[0].strip() in rows[key], key


def test_every_option_of_every_plugin_is_on_its_page(site):
    sections = _sections((site / "reference.html").read_text(encoding="utf-8"))
    plugins = [registry.datasets(), registry.methods(), registry.libraries(), registry.architectures()]
    for name, entry in (item for plugins_of_kind in plugins for item in plugins_of_kind.items()):
        options = set(entry.options.model_fields)
        # A method may have an architecture's name, and the second heading then has a number.
        assert any(set(_rows(sections.get(place, ""))) == options for place in (name, f"{name}_1")), name


def test_every_option_of_every_data_set_has_a_meaning(site):
    """The last cell of its row; and no data set's page speaks to developers."""
    text = (site / "reference.html").read_text(encoding="utf-8")
    sections, seen = _sections(text), 0
    for name, entry in registry.datasets().items():
        rows = _rows(sections[name])
        for option in entry.options.model_fields:
            cells = re.findall(r"<td>(.*?)</td>", rows[option], re.DOTALL)
            assert len(cells[-1]) > 10, f"{name}: {option}"
            seen += 1
        assert "is not used" not in sections[name], name
        assert "downloads</code>" not in sections[name], name
    assert seen > 10


def test_numbers_are_written_in_words(site):
    """By hand, from kd/config/schema.py and kd/settings/recipe.py: a bound above, one from, one below, a list and a table."""
    sections = _sections((site / "reference.html").read_text(encoding="utf-8"))
    recipe, compute = _rows(sections["recipe"]), _rows(sections["compute"])
    assert "<td>number above 0</td>" in recipe["lr"]
    assert "<td>whole number from 2</td>" in recipe["batch_size"]
    assert "<td>number from 0 below 1</td>" in recipe["momentum"]
    assert "<td>whole number from 1 to 1,024 or <code>auto</code></td>" in compute["threads"]
    assert "<td>list of whole number from 1</td>" in recipe["milestones"]
    assert 'name: <a href="#teacherentry">keys</a>' in _rows(sections["the-file"])["teachers"]


@pytest.mark.parametrize("name", registry.methods())
def test_every_method_has_a_page_with_its_formula_and_its_paper(site, name):
    file = site / "methods" / f"{name}.html"
    text = file.read_text(encoding="utf-8")
    formula = re.search(r'<h2 id="formula">.*?<math[^>]*display="block".*?</math>', text, re.DOTALL)
    assert formula
    assert len(re.findall(r"<m[ion]>", formula[0])) > 5
    paper = re.search(r"<strong>Paper:</strong>(.*?)</p>", text, re.DOTALL)[1]
    assert re.search(r"\b(19|20)\d\d\b", paper), "no year"
    link = (
        r'href="https://(arxiv\.org/abs/\d{4}\.\d{4,5}|doi\.org/10\.|openreview\.net|openaccess\.thecvf\.com)'
    )
    assert re.search(link, paper), paper
    code = re.search(r"<strong>Code:</strong>(.*?)</p>", text, re.DOTALL)[1]
    assert 'href="https://github.com/' in code or "none is published" in code, code
    assert f'methods/{name}.html"' in (site / "index.html").read_text(encoding="utf-8")
    for option in registry.methods()[name].options.model_fields:
        assert f"<td><code>{option}</code></td>" in text


def test_a_formula_is_that_of_its_file(site):
    """By hand: of label smoothing CE((1 − ε) y + ε / C, q), with ε / C as a fraction."""
    text = (site / "methods" / "label_smoothing.html").read_text(encoding="utf-8")
    formula = re.search(r'<math[^>]*display="block".*?</math>', text, re.DOTALL)[0]
    assert re.search(r"<mfrac><mrow><mi>ε</mi></mrow><mrow><mi>C</mi></mrow></mfrac>", formula)
    assert re.sub(r"<[^>]*>", "", formula).replace("&#x0003D;", "=").startswith("L=CE")
