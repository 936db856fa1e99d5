"""The configuration reference, made of the schema that configs are checked by, and of the plug-ins."""

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
# Configuration reference

[config/config.yaml](../config/config.yaml) shows all keys in use, and
[Configuration](../config/README.md) explains the larger topics. This page is generated from
`kd/config/schema.py` and the plug-ins' own files.
"""
COMMON = {  # options that several plug-ins share
    "weight": "weight of the distillation loss",
    "temperature": "divisor of the logits of both networks before the softmax",
    "ce_weight": "weight of the cross-entropy with the labels",
    "kd_weight": "weight of the divergence from the teacher",
    "standardize": "standardise the logits of both networks first",
    "init_epochs": "separate first epochs, in addition to those of the recipe",
    "init_lr": "learning rate of these first epochs; default: that of the recipe, after warm-up",
    "width": "factor of every channel count",
}
EXPLAINED = re.compile(r"(?ms)^`(\w+)`: (.*?)\.?$(?=\n`\w+`: |\n\n|\Z)")
ENTRIES = {  # titles of the schema's definitions, in the order of the page; the title of others is their key
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
    definitions = schema["$defs"]
    yield f"## The file\n\n{options(schema, definitions)}\n"
    for name in [*ENTRIES, *(name for name in definitions if name not in ENTRIES)]:
        if name in definitions:
            title = ENTRIES.get(name, f"`{name.lower()}:`")
            part = definitions[name]
            table = options(part, definitions)
            yield f"## {title} {{#{name.lower()}}}\n\n{part.get('description', '')}\n\n{table}\n"


def _plugins() -> Iterator[str]:
    yield "## Options of data sets\n\nIn addition to the keys of [`dataset:`](#datasetentry).\n"
    yield from map(_plugin, registry.datasets().values())
    yield "## Options of methods\n\nIn addition to the keys of [`methods:`](#methodentry).\n"
    for entry in registry.methods().values():
        yield f"### [`{entry.name}`](methods/{entry.name}.md)\n\n{_options(entry)}\n"
    yield "## Options of architectures\n\nIn addition to the keys of [`teachers:`](#teacherentry).\n"
    yield from map(_plugin, [*registry.libraries().values(), *registry.architectures().values()])


def _plugin(entry: Entry) -> str:
    return f"### `{entry.name}`\n\n{about(entry)}\n\n{_options(entry)}\n"


def _options(entry: Entry) -> str:
    schema = entry.options.model_json_schema()
    if not schema.get("properties"):
        return "No options."
    return options(schema, schema.get("$defs", {}), meanings(entry))


def about(entry: Entry) -> str:
    """The first paragraph of the docstring of an architecture's function, or of a data set's file."""
    tree = parsed(entry)
    docstrings = {name: text for name, text in _docstrings(tree) if name == entry.target != "load"}
    text = docstrings.get(entry.target) or ast.get_docstring(tree) or ""
    return text.split("\n\n")[0].replace("\n", " ").replace("<", "&lt;")


def meanings(entry: Entry) -> dict[str, str]:
    """What a plug-in's options mean: lines of its docstrings that begin with "`option`: ", or COMMON."""
    texts = "\n\n".join(text for _, text in _docstrings(parsed(entry)))
    explained = COMMON | {name: " ".join(text.split()) for name, text in EXPLAINED.findall(texts)}
    return {name: text for name, text in explained.items() if name in entry.options.model_fields}


def _docstrings(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Name and docstring of every function and class of a file."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and (text := ast.get_docstring(node)):
            yield node.name, text


@cache
def _tree(module: str) -> ast.Module:
    file = registry.HERE.joinpath(*module.split(".")[1:]).with_suffix(".py")
    return ast.parse(file.read_text(encoding="utf-8"))


def parsed(entry: Entry) -> ast.Module:
    """A plug-in's file, read and not imported."""
    return _tree(entry.module)
