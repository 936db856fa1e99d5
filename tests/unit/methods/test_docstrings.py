"""Every method names its paper, and the code that it was held against."""

import ast
import inspect
import re

import pytest

from kd.registry import methods

PAPER = re.compile(r"arXiv:\d{4}\.\d{4,5}|doi:10\.\d{4,}/\S+|openreview\.net/\S+|openaccess\.thecvf\.com/\S+")
REPOSITORY = re.compile(r"\b[\w-]+/[\w.-]*\w")


@pytest.mark.parametrize("name", methods())
def test_a_method_names_its_paper_and_the_code_it_follows(name):
    module = inspect.getmodule(methods()[name].load())
    text = ast.get_docstring(ast.parse(inspect.getsource(module)))
    assert PAPER.search(text)
    code = re.search(r"^Code: (.*)", text, re.MULTILINE | re.DOTALL)[1]
    assert REPOSITORY.search(code) or code.startswith("none is published")
    if "authors' code" in inspect.getsource(module):
        assert "authors" in code, "whose code is it?"
