"""The page of every key of a config, made of the schema that configs are checked by, and of the plug-ins."""

import ast
import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from docsite.markdown import options
from kd import registry
from kd.config.schema import StudyFile
from kd.registry import Entry

INTRODUCTION = """\
# Every key

Made of `kd/config/schema.py` and of the plug-ins' own files when this site is built.
[config/config.yaml](../config/config.yaml) shows all keys at work, and
[Configuration](../config/README.md) explains the larger matters.
"""
ENTRIES = {  # titles of the schema's definitions, in the order of the page; others are called as their key
    "DatasetEntry": "`dataset:`",
    "Recipe": "`recipe:`",
    "TeacherEntry": "An entry of `teachers:`",
    "NetworkEntry": "An entry of `students:`",
    "MethodEntry": "An entry of `methods:`",
    "SweepEntry": "An entry of `sweep:`",
    "Range": "A range in `over:`",
    "Compute": "`compute:`",
}


def page() -> str:
    """The whole page, as Markdown whose links are those of a file docs/reference.md."""
    schema = StudyFile.model_json_schema()
    return "\n".join([INTRODUCTION, *_sections(schema), *_plugins()])


def _sections(schema: Mapping[str, Any]) -> Iterator[str]:
    words = schema["$defs"]
    yield f"## The file\n\n{options(schema, words)}\n"
    for name in [*ENTRIES, *(name for name in words if name not in ENTRIES)]:
        if name in words:
            title = ENTRIES.get(name, f"`{name.lower()}:`")
            about = words[name].get("description", "")
            yield f"## {title} {{#{name.lower()}}}\n\n{about}\n\n{options(words[name], words)}\n"


def _plugins() -> Iterator[str]:
    yield "## Options of data sets\n\nBeside the keys of [`dataset:`](#datasetentry).\n"
    yield from map(_plugin, registry.datasets().values())
    yield "## Options of methods\n\nBeside the keys of [`methods:`](#methodentry).\n"
    for entry in registry.methods().values():
        yield f"### [`{entry.name}`](methods/{entry.name}.md)\n\n{_options(entry)}\n"
    yield "## Options of architectures\n\nBeside the keys of [`teachers:`](#teacherentry).\n"
    yield from map(_plugin, [*registry.libraries().values(), *registry.architectures().values()])


def _plugin(entry: Entry) -> str:
    return f"### `{entry.name}`\n\n{about(entry)}\n\n{_options(entry)}\n"


def _options(entry: Entry) -> str:
    schema = entry.options.model_json_schema()
    if not schema.get("properties"):
        return "No options."
    return options(schema, schema.get("$defs", {}), meanings(entry))


def about(entry: Entry) -> str:
    """What an architecture's function, or a data set's file, says of itself first."""
    tree = parsed(entry)
    told = {name: text for name, text in _docstrings(tree) if name == entry.target != "load"}
    text = told.get(entry.target) or ast.get_docstring(tree) or ""
    return text.split("\n\n")[0].replace("\n", " ").replace("<", "&lt;")


def meanings(entry: Entry) -> dict[str, str]:
    """What a plug-in's functions say of their options, in lines that begin with "`option`: "."""
    texts = "\n\n".join(text for _, text in _docstrings(parsed(entry)))
    found = re.findall(r"(?ms)^`(\w+)`: (.*?)\.?$(?=\n`\w+`: |\n\n|\Z)", texts)
    return {name: " ".join(text.split()) for name, text in found if name in entry.options.model_fields}


def _docstrings(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Of every function of a file its name and what it says of itself."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and (text := ast.get_docstring(node)):
            yield node.name, text


@cache
def _tree(module: str) -> ast.Module:
    file = registry.HERE.joinpath(*module.split(".")[1:]).with_suffix(".py")
    return ast.parse(file.read_text(encoding="utf-8"))


def parsed(entry: Entry) -> ast.Module:
    """A plug-in's file, read and not imported."""
    return _tree(entry.module)
