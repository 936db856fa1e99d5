"""The page of the notebook: its text, its code and what that has put out."""

import json

import nbformat
from docsite import tour

BOOK = {
    "cells": [
        {"cell_type": "markdown", "metadata": {}, "source": ["# A tour\n", "[a](../docs/methods.md)"]},
        {
            "cell_type": "code",
            "metadata": {"tags": ["set-up"]},
            "source": "import os\n\nx = 1",
            "outputs": [],
        },
        {
            "cell_type": "code",
            "metadata": {},
            "source": ["print('a')"],
            "outputs": [
                {"output_type": "stream", "text": ["a\n"]},
                {
                    "output_type": "display_data",
                    "data": {"image/svg+xml": "<svg/>", "text/plain": "a figure"},
                },
                {
                    "output_type": "execute_result",
                    "data": {"text/html": '<style>td {}</style><table border="1"><tr><th></th></tr></table>'},
                },
            ],
        },
    ]
}


def test_a_page_holds_text_code_and_outputs(tmp_path):
    (tmp_path / "tour.ipynb").write_text(json.dumps(BOOK))
    page = tour.page(tmp_path / "tour.ipynb")
    assert page.startswith("# A tour\n[a](methods.md)\n\n*This page is [tour.ipynb](../notebooks/tour.ipynb)")
    assert "```python\nprint('a')\n```\n\n```text\na\n```\n\n<img alt=" in page
    assert 'src="data:image/svg+xml;base64,PHN2Zy8+' in page
    assert "<table><tr><td></td></tr></table>" in page
    assert '??? note "Set-up' in page
    assert "    ```python\n    import os\n\n    x = 1\n    ```" in page


def test_the_outputs_are_those_of_the_committed_code():
    """`python -m docsite.tour` runs it again; tests/workflow/test_tour.py compares what comes out."""
    book = nbformat.read(tour.FILE, as_version=4)
    nbformat.validate(book)
    assert book.metadata["executed"] == tour.digest(book), "run python -m docsite.tour"
    counts = [cell.execution_count for cell in book.cells if cell.cell_type == "code"]
    assert counts == list(range(1, len(counts) + 1))
    kinds = {kind for cell in book.cells for out in cell.get("outputs", ()) for kind in out.get("data", {})}
    assert {"image/svg+xml", "text/html"} <= kinds
    assert "/tmp/" not in tour.FILE.read_text(encoding="utf-8")
