"""What the site's pages are made with: links, formulas, and pages of results."""

import io
import json
import re
from types import SimpleNamespace

import pytest
from docsite import hooks, reference, results, taken
from docsite.formulas import to_mathml
from docsite.markdown import allowed, table

from kd import registry


@pytest.mark.parametrize(
    ("page", "text", "there"),
    [
        ("index.md", "[a](docs/methods.md#x)", "[a](methods.md#x)"),
        ("index.md", "![a](docs/images/table.png)", "![a](images/table.png)"),
        ("configuration.md", "[a](../docs/methods.md)", "[a](methods.md)"),
        ("configuration.md", "[a](zoo.yaml)", "[a](files/config/zoo.yaml)"),
        (
            "how-to/slurm.md",
            "[a](../../CONTRIBUTING.md#add-a-method)",
            "[a](../contributing.md#add-a-method)",
        ),
        ("how-to/slurm.md", "[a](gpu.md)", "[a](gpu.md)"),
        ("methods/kd.md", "[a](../speed.md)", "[a](../speed.md)"),
        ("methods.md", "[a](../workflow/scripts/kd/methods/kd.py)", "[a](methods/kd.md)"),
        (
            "methods/kd.md",
            "[a](../../workflow/scripts/kd/methods/kd.py)",
            "[a](../files/workflow/scripts/kd/methods/kd.py)",
        ),
        ("index.md", "[a](notebooks/tour.ipynb)", "[a](tour.md)"),
        ("tour.md", "[a](../notebooks/tour.ipynb)", "[a](files/notebooks/tour.ipynb)"),
        ("index.md", '<img src="docs/images/a.svg">', '<img src="images/a.svg">'),
        ("index.md", '<a href="docs/methods.md#x">', '<a href="methods.html#x">'),
        ("index.md", "[a](https://pytorch.org)", "[a](https://pytorch.org)"),
        ("index.md", "[a](#more)", "[a](#more)"),
        ("index.md", "```\n[a](docs/methods.md)\n```", "```\n[a](docs/methods.md)\n```"),
    ],
)
def test_links_lead_to_the_same_file_on_the_site(page, text, there):
    assert taken.relinked(text, page) == there


def test_a_picture_in_two_colour_schemes_follows_the_choice_of_the_site():
    picture = """<picture>
  <source media="(prefers-color-scheme: dark)" srcset="docs/images/a_dark.png">
  <img alt="A report" src="docs/images/a.png">
</picture>"""
    page = SimpleNamespace(file=SimpleNamespace(src_uri="index.md"))
    assert hooks.on_page_markdown(picture, page) == (
        '<img alt="A report" src="images/a.png#only-light"><img alt="A report" src="images/a_dark.png#only-dark">'
    )


def test_an_empty_heading_of_a_table_is_a_plain_cell():
    assert hooks.on_page_content("<tr><th></th><th>a</th></tr>") == "<tr><td></td><th>a</th></tr>"


def test_files_that_pages_link_to_exist():
    text = "[a](config/zoo.yaml) [b](docs/methods.md) [c](not/there.txt) [d](https://x.org/y) [e](LICENSE)"
    assert taken.linked(text, "index.md") == {"config/zoo.yaml", "LICENSE"}


def test_formulas_become_mathml():
    page = '<p><span class="arithmatex">\\(a &lt; b\\)</span></p><div class="arithmatex">\\[\nx^2\n\\]</div>'
    shown = to_mathml(page)
    assert "arithmatex" not in shown
    assert "<msup><mi>x</mi><mn>2</mn></msup>" in shown
    assert shown.count("<math") == 2
    assert shown.count('display="block"') == 1
    assert "&#x0003C;" in shown or "&lt;" in shown


def test_equations_of_one_formula_stand_below_each_other():
    page = r'<div class="arithmatex">\[ L = w D, \quad D = a \qquad E = \begin{split} x &= b \\ y &= c \end{split} \]</div>'
    shown = to_mathml(page)
    assert shown.count('display="block"') == 3
    assert shown.count("<mtr>") == 2
    assert "<mo>&#x0002C;</mo>" not in shown
    assert "&amp;" not in shown


def test_options_are_described_by_what_their_functions_say():
    digits = registry.datasets()["digits"]
    expected = {"test_fraction": "share of the images of every digit that is kept for the test"}
    assert reference.meanings(digits) == expected
    folder = reference.meanings(registry.datasets()["image_folder"])
    assert folder["class_names"].startswith("a text file in `path` with a line for each class")
    assert folder["class_names"].endswith(
        "its names, of which the first is taken"
    )  # the end of its second line


@pytest.mark.parametrize("name", registry.methods())
def test_every_option_of_a_method_has_a_meaning(name):
    entry = registry.methods()[name]
    assert reference.meanings(entry).keys() == entry.options.model_fields.keys()


def test_a_data_set_is_described_by_its_file_and_an_architecture_by_its_function():
    assert reference.about(registry.datasets()["digits"]).startswith("Handwritten digits, 8x8, grey")
    assert "train/&lt;class&gt;" in reference.about(registry.datasets()["image_folder"]).replace(">", "&gt;")
    vgg = registry.architectures()["vgg16"]
    assert vgg.load().__doc__.startswith(reference.about(vgg)[:40])


def test_cells_cannot_break_a_table():
    lines = table(["a", "b"], [["x|y", "one\ntwo"]]).splitlines()
    assert lines == ["| a | b |", "| --- | --- |", "| x\\|y | one two |"]


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({"type": "integer", "minimum": 0, "maximum": 32}, "whole number from 0 to 32"),
        ({"type": "number", "exclusiveMinimum": 0, "maximum": 1_000_000}, "number above 0"),
        ({"enum": ["grid", "random"], "type": "string"}, "`grid`, `random`"),
        ({"anyOf": [{"type": "boolean"}, {"type": "null"}]}, "`true`, `false`"),
        ({"const": "all", "type": "string"}, "`all`"),
        ({"type": "array", "prefixItems": [{"type": "string"}, {"type": "string"}]}, "[text, text]"),
        ({"type": "object", "additionalProperties": {"$ref": "#/$defs/Range"}}, "name: [keys](#range)"),
        ({}, "any value"),
    ],
)
def test_what_is_allowed_is_shown_in_words(schema, words):
    assert allowed(schema, {}) == words


TABLE = """\
# Knowledge distillation: zoo

- kd: average gain 1.25

| role | gain |
| ---- | ---: |
| mean | 1.25 |

## Methods, ranked

| method |
| ------ |
| kd     |

## Data

![images of each class](data/samples.png)

## Provenance

- commits: 0123456789ab
"""


def test_the_page_of_a_study_holds_its_table_and_its_provenance(tmp_path):
    study = tmp_path / "zoo"
    (study / "plots").mkdir(parents=True)
    (study / "table.md").write_text(TABLE)
    (study / "plots" / "accuracy_parameters.png").write_bytes(b"a picture")
    for name, seconds in (
        ("prepare_data", 9.9),
        ("distill_student/a/b/kd/0", 40),
        ("distill_student/a/b/kd/1", 50),
    ):
        file = study / "benchmarks" / f"{name}.tsv"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"s\th:m:s\n{seconds}\t0:00:00\n")
    results.main(study, tmp_path / "docs")
    page = (tmp_path / "docs" / "zoo.md").read_text()
    assert page.startswith("# Results: zoo\n")
    assert "| mean | 1.25 |" in page
    assert "- commits: 0123456789ab" in page
    assert "--configfile config/zoo.yaml`" in page
    assert "samples.png" not in page
    headings = ["Methods, ranked", "Accuracy against parameters", "All results", "Data", "Provenance"]
    headings += ["Time by stage"]
    assert re.findall(r"^## (.*)$", page, re.MULTILINE) == headings
    assert "| distill_student | 2 | 1 min 30 s |\n| prepare_data | 1 | 9.9 s |" in page
    assert page.index("average gain 1.25") < page.index("## Methods, ranked")
    assert "Measured on a CPU" in page
    assert (tmp_path / "docs" / "zoo_accuracy_parameters.png").read_bytes() == b"a picture"


def test_a_study_that_has_not_run_has_no_page(tmp_path):
    with pytest.raises(SystemExit, match=r"has no table\.md; run the study first"):
        results.main(tmp_path / "nothing", tmp_path / "docs")
    assert not (tmp_path / "docs" / "nothing.md").exists()


def test_a_page_that_is_there_is_not_overwritten_unasked(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO())
    page = tmp_path / "zoo.md"
    assert results.write(tmp_path, "zoo.md", "new", yes=False)
    assert results.write(tmp_path, "zoo.md", "new", yes=False)  # nothing is lost
    with pytest.raises(SystemExit, match="is there and differs"):
        results.write(tmp_path, "zoo.md", "other", yes=False)
    assert page.read_text() == "new"
    assert results.write(tmp_path, "zoo.md", "other", yes=True)
    assert page.read_text() == "other"
    assert capsys.readouterr().out == f"wrote {page}\n" * 3


def test_the_page_of_the_bench_is_that_of_its_files(tmp_path):
    results.main(tmp_path / "bench", tmp_path / "docs")
    page = (tmp_path / "docs" / "bench.md").read_text()
    assert page == (results.ROOT / "docs" / "results" / "bench.md").read_text()
    row = json.loads((results.ROOT / "bench" / "results" / "amd-epyc-2-cores.json").read_text())["training"][
        0
    ]
    assert row["network"] == "resnet18"
    assert f"{row['ratio']['median']:.2f}× ({row['ratio']['low']:.2f}" in page
