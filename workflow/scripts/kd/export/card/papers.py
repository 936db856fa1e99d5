"""Methods and their papers, as the docstrings of the methods' files describe them."""

import ast
import re
from pathlib import Path

from kd.registry import find_method


def about_method(name: str) -> str:
    """A method's docstring on one line: it begins with the paper. Formulas are left out."""
    return " ".join(re.sub(r"\$\$.*?\$\$", "", _docstring(name), flags=re.DOTALL).split())


def paper_of(name: str) -> str:
    """The first sentence or heading of a method's file, and where its paper lies on arXiv."""
    text = _docstring(name)
    first = " ".join(text.split("\n\n")[0].split())
    number = re.search(r"arXiv:[0-9.]*[0-9]", text)
    return f"{first} {number[0]}" if number and number[0] not in first else first


def _docstring(name: str) -> str:
    path = Path(__file__).parents[2].joinpath(*find_method(name).module.split(".")[1:]).with_suffix(".py")
    return ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
