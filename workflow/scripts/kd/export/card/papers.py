"""What the parts of a model card share: tables, and the papers."""

import ast
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from kd.registry import methods


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table, its first column to the left and the others to the right."""
    lines = [header, ["---", *["---:"] * (len(header) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def about_method(name: str) -> str:
    """What a method's file says of itself, on one line: it begins with the paper. Formulas are left out."""
    return " ".join(re.sub(r"\$\$.*?\$\$", "", _docstring(name), flags=re.DOTALL).split())


def paper_of(name: str) -> str:
    """The first sentence or heading of a method's file, and where its paper lies on arXiv."""
    text = _docstring(name)
    first = " ".join(text.split("\n\n")[0].split())
    number = re.search(r"arXiv:[0-9.]*[0-9]", text)
    return f"{first} {number[0]}" if number and number[0] not in first else first


def _docstring(name: str) -> str:
    path = Path(__file__).parents[2].joinpath(*methods()[name].module.split(".")[1:]).with_suffix(".py")
    return ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""


def size(count: int) -> str:
    """`7.3 kB`, `11.2 MB`: bytes as people read them."""
    return f"{count / 1e6:.1f} MB" if count >= 1e6 else f"{count / 1e3:.1f} kB"
