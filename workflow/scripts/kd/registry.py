"""Finds architectures, methods and data sets by reading their files, without importing them.

A name in the config is looked up in the source: `models/*.py` (every public function is an architecture),
`methods/<name>.py` (its class `Method`) and `datasets/<name>.py` (its function `load`, and `gather` where it
chooses what is downloaded). The keyword-only arguments there are the options a user may set. Nothing is
listed anywhere, torch is not imported to check a config, and no job comes to depend on a file that it does
not use.

A file `models/<package>.py` with a function `library` stands for all classifiers of that installed package,
which are called "package/name". Its `NAMES` says where the package's own source has these names: for files of
the package, as a glob pattern, the regular expressions whose first group is one.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cache, partial
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, create_model

from kd.errors import UserError
from kd.settings import types as option_types

HERE = Path(__file__).parent
_TYPES = {**vars(option_types), "int": int, "float": float, "bool": bool, "str": str}


@dataclass(frozen=True)
class Entry:
    """One plug-in: where it is, what can be set, and the literal constants that it declares."""

    name: str
    module: str
    target: str  # the function or class inside the module
    options: type[BaseModel]
    constants: dict[str, Any] = field(default_factory=dict)
    gathers: tuple[str, ...] = ()  # of a data set: those of its options that its function gather takes
    inside: tuple[str, ...] = ()  # of a library, which of its classifiers

    def load(self) -> Any:
        """Import the plug-in and return its function or class."""
        target = getattr(import_module(self.module), self.target)
        return partial(target, *self.inside) if self.inside else target


def _sources(folder: str) -> Iterator[tuple[str, ast.Module]]:
    for path in sorted((HERE / folder).glob("[!_]*.py")):
        yield path.stem, ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def _options(name: str, *functions: ast.FunctionDef | None) -> type[BaseModel]:
    """A pydantic model of the keyword-only arguments of one function or more."""
    fields: dict[str, Any] = {}
    found = [function.args for function in functions if function]
    for argument, default in zip(
        [argument for arguments in found for argument in arguments.kwonlyargs],
        [default for arguments in found for default in arguments.kw_defaults],
        strict=True,
    ):
        annotation = ast.unparse(argument.annotation) if argument.annotation else "nothing"
        try:
            # The annotation is this project's own source, and only the names in _TYPES resolve.
            kind = eval(annotation, {"__builtins__": {}}, _TYPES)
            fields[argument.arg] = (kind, ... if default is None else ast.literal_eval(default))
        except (NameError, TypeError, ValueError) as error:
            raise UserError(
                f"{name}: its option {argument.arg} is declared as {annotation}, which must be a type of"
                f" {HERE / 'options.py'}, with a literal default ({error})"
            ) from error
    return create_model(name, __config__=ConfigDict(extra="forbid", frozen=True), **fields)


def _constants(body: list[ast.stmt]) -> dict[str, Any]:
    """Upper-case names that are bound to a literal."""
    found = {}
    for statement in body:
        if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
            name = statement.targets[0].id
            if name.isupper():
                try:
                    found[name] = ast.literal_eval(statement.value)
                except ValueError:
                    continue  # computed at import: nobody reads it from here
    return found


def _named(body: list[ast.stmt], kind: type, name: str) -> Any:
    return next((node for node in body if isinstance(node, kind) and node.name == name), None)


@cache
def architectures() -> dict[str, Entry]:
    """Every public function of models/*.py, by name; those of libraries are found by `find_architecture`."""
    return {
        node.name: Entry(node.name, f"kd.models.{stem}", node.name, _options(node.name, node))
        for stem, tree in _sources("models")
        if stem not in libraries()
        for node in tree.body
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_")
    }


@cache
def libraries() -> dict[str, Entry]:
    """Every models/<package>.py with a function library, by the package."""
    return {
        stem: Entry(stem, f"kd.models.{stem}", "library", _options(stem, node), _constants(tree.body))
        for stem, tree in _sources("models")
        if (node := _named(tree.body, ast.FunctionDef, "library"))
    }


def find_architecture(name: str) -> Entry:
    """The architecture of this name, or the classifier of a library.

    Raises UserError when this version of the code has none, or the library is not installed.
    """
    package, slash, inside = name.partition("/")
    known = libraries() if slash else architectures()
    if package not in known:
        raise UserError(f"architecture {name!r} is not defined in {HERE / 'models'}")
    if slash and find_spec(package) is None:
        needed = known[package].constants["INSTALL"]
        raise UserError(f"{name}: {package} is not installed; pip install -r {needed}")
    return replace(known[package], name=name, inside=(inside,)) if slash else known[name]


@cache
def methods() -> dict[str, Entry]:
    """Every methods/<name>.py with a class Method; its class constants (NEEDS) come along."""
    found = {}
    for stem, tree in _sources("methods"):
        if node := _named(tree.body, ast.ClassDef, "Method"):
            init = _named(node.body, ast.FunctionDef, "__init__")
            found[stem] = Entry(
                stem, f"kd.methods.{stem}", "Method", _options(stem, init), _constants(node.body)
            )
    return found


@cache
def datasets() -> dict[str, Entry]:
    """Every datasets/<name>.py with a function load; its module constants (PAD, FLIP, FILES) come along."""
    found = {}
    for stem, tree in _sources("datasets"):
        if node := _named(tree.body, ast.FunctionDef, "load"):
            gather = _named(tree.body, ast.FunctionDef, "gather")
            found[stem] = Entry(
                stem,
                f"kd.datasets.{stem}",
                "load",
                _options(stem, node, gather),
                _constants(tree.body),
                tuple(argument.arg for argument in gather.args.kwonlyargs) if gather else (),
            )
    return found
