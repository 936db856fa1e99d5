"""The notebook as a page of the site, with its outputs; and how these are made.

python -m docsite.tour runs notebooks/tour.ipynb in a copy of the repository, and writes its outputs into it.
They carry the digest of the code cells, so that a test sees when the code has changed since.
"""

import base64
import hashlib
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from textwrap import indent
from typing import Any

from docsite.taken import ROOT

FILE = ROOT / "notebooks" / "tour.ipynb"
Cell = Mapping[str, Any]


def digest(book: Mapping[str, Any]) -> str:
    """SHA-256 of the code of a notebook."""
    code = [_joined(cell["source"]) for cell in book["cells"] if cell["cell_type"] == "code"]
    return hashlib.sha256("\0".join(code).encode()).hexdigest()


def page(file: Path = FILE) -> str:
    """The notebook as Markdown, whose links are those of a file in docs/; hidden cells are left out."""
    book = json.loads(file.read_text(encoding="utf-8"))
    parts = [part for cell in book["cells"] for part in _parts(cell)]
    where = f"*This page is [{file.name}](../notebooks/{file.name}), as it ran.*"
    return "\n\n".join([parts[0], where, *parts[1:]]) + "\n"


def _joined(text: str | list[str]) -> str:
    return text if isinstance(text, str) else "".join(text)


def _parts(cell: Cell) -> Iterator[str]:
    source = _joined(cell["source"])
    if cell["cell_type"] == "markdown":
        yield re.sub(r"\]\(\.\./docs/", "](", source)
        return
    if "set-up" in cell["metadata"].get("tags", ()):
        yield '??? note "Set-up: imports, and the environment on Colab"\n\n' + indent(_code(source), "    ")
    else:
        yield _code(source)
    yield from filter(None, map(_output, cell["outputs"]))


def _code(text: str, language: str = "python") -> str:
    return f"```{language}\n{text}\n```"


def _output(output: Mapping[str, Any]) -> str:
    """What a cell has put out: a picture, a table, or text."""
    data = output.get("data", {})
    if svg := data.get("image/svg+xml"):
        address = base64.b64encode(_joined(svg).encode()).decode()
        return f'<img alt="The plot that this cell draws" src="data:image/svg+xml;base64,{address}">'
    if table := data.get("text/html"):
        return _plain_table(_joined(table))
    text = _joined(output.get("text") or data.get("text/plain", "")).strip("\n")
    return _code(text, "text") if text else ""


def _plain_table(table: str) -> str:
    """A table of pandas without its style sheet and its empty heading."""
    table = re.sub(r"<style.*?</style>\s*", "", table, flags=re.DOTALL)
    table = re.sub(r' (?:border|class|style)="[^"]*"', "", table).replace("<th></th>", "<td></td>")
    return re.sub(r"\n\s*", "\n", table).strip()


def execute(book: Any, folder: Path, python: str = sys.executable) -> None:
    """Run all cells of a notebook (nbformat) in a folder, whose checkout they use; raises at an error."""
    from nbclient import NotebookClient

    set_up = next(cell for cell in book.cells if cell.cell_type == "code")
    kept, set_up.source = set_up.source, set_up.source.replace("= sys.executable", f"= {python!r}")
    NotebookClient(book, timeout=900, resources={"metadata": {"path": str(folder)}}).execute()
    set_up.source = kept
    for cell in book.cells:
        cell.metadata.pop("execution", None)  # times, which are others in every run
    book.metadata["executed"] = digest(book)


def main() -> None:
    """Run the committed notebook in a copy of what git tracks, and keep its outputs."""
    import nbformat

    book = nbformat.read(FILE, as_version=4)
    with tempfile.TemporaryDirectory() as folder:
        tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, check=True, capture_output=True, text=True)
        subprocess.run(["cp", "--parents", *tracked.stdout.splitlines(), folder], cwd=ROOT, check=True)
        execute(book, Path(folder) / "notebooks")
        text = nbformat.writes(book).replace(folder, "/home/reader/kd-workflow")
    FILE.write_text(text + "\n", encoding="utf-8")
    print(f"wrote {FILE}")


if __name__ == "__main__":
    main()
