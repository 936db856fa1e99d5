"""Finds architectures, methods and data sets by reading their files, without importing them.

A name in the config is looked up in the source: `models/*.py` (every public function is an architecture),
`methods/<name>.py` (its class `Method`) and `datasets/<name>.py` (its function `load`, and `gather` where it
chooses what is downloaded). The keyword-only arguments there are the options a user may set. Nothing is
listed anywhere, torch is not imported to check a config, and no job comes to depend on a file that it does
not use. A job that knows the name of its plug-in calls `find_method` and its like, which parse one file.

A file `models/<package>.py` with a function `library` stands for all classifiers of that installed package,
which are called "package/name". Its `NAMES` says where the package's own source has these names: for files of
the package, as a glob pattern, the regular expressions whose first group is one.
"""

import ast
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from functools import cache, partial
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, create_model

from kd.errors import UserError, did_you_mean
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


@cache
def _files(folder: Path) -> dict[str, Path]:
    return {path.stem: path for path in sorted(folder.glob("[!_]*.py"))}


@cache
def _body(path: Path) -> list[ast.stmt]:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path)).body


def _all(folder: str, read: Callable[[Path], Entry | None]) -> dict[str, Entry]:
    return {stem: entry for stem, path in _files(HERE / folder).items() if (entry := read(path))}


def _find(what: str, folder: str, read: Callable[[Path], Entry | None], name: Any) -> Entry:
    """The plug-in of this name, for which no other file is parsed."""
    path = _files(HERE / folder).get(name) if isinstance(name, str) else None
    if entry := path and read(path):
        return entry
    raise _missing(what, name, _all(folder, read))


def _missing(what: str, name: Any, allowed: Iterable[str]) -> UserError:
    hint = did_you_mean(name, allowed)
    return UserError(f"there is no {what} {name!r}{hint}; allowed: {', '.join(sorted(allowed))}")


def _options(name: str, *functions: ast.FunctionDef | None) -> type[BaseModel]:
    """A pydantic model of the keyword-only arguments of one function or more."""
    fields: dict[str, Any] = {}
    signatures = [function.args for function in functions if function]
    for argument, default in zip(
        [argument for signature in signatures for argument in signature.kwonlyargs],
        [default for signature in signatures for default in signature.kw_defaults],
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
                f" {HERE / 'settings' / 'types.py'}, with a literal default ({error})"
            ) from error
    return create_model(name, __config__=ConfigDict(extra="forbid", frozen=True), **fields)


def _constants(body: list[ast.stmt]) -> dict[str, Any]:
    """Upper-case names that are bound to a literal."""
    constants = {}
    for statement in body:
        if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
            name = statement.targets[0].id
            if name.isupper():
                try:
                    constants[name] = ast.literal_eval(statement.value)
                except ValueError:
                    continue  # computed at import: nobody reads it from here
    return constants


def _named(body: list[ast.stmt], kind: type, name: str) -> Any:
    return next((node for node in body if isinstance(node, kind) and node.name == name), None)


@cache
def architectures() -> dict[str, Entry]:
    """Every public function of models/*.py, by name; those of libraries have `find_architecture` alone."""
    return {
        node.name: _architecture(path, node)
        for path in _files(HERE / "models").values()
        if not _library(path)
        for node in _body(path)
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_")
    }


def find_architecture(name: Any) -> Entry:
    """The architecture of this name, or the classifier "package/name" of a library.

    Raises UserError when this version of the code has none, or the library is not installed.
    """
    package, slash, inside = str(name).partition("/")
    if slash:
        entry = find_library(package)
        if find_spec(package) is None:
            needed = entry.constants["INSTALL"]
            raise UserError(f"{name}: {package} is not installed; pip install -r {needed}")
        return replace(entry, name=name, inside=(inside,))
    if entry := _network(HERE / "models", package):
        return entry
    raise _missing("architecture", name, architectures())


@cache
def _network(folder: Path, name: str) -> Entry | None:
    """From the file of this name, if there is one, or that which defines it; no other is parsed."""
    for path in sorted(_files(folder).values(), key=lambda path: path.stem != name):
        if name[:1] != "_" and f"def {name}(" in path.read_text(encoding="utf-8"):
            node = _named(_body(path), ast.FunctionDef, name)
            if node and not _library(path):
                return _architecture(path, node)
    return None


def _architecture(path: Path, node: ast.FunctionDef) -> Entry:
    return Entry(node.name, f"kd.models.{path.stem}", node.name, _options(node.name, node))


@cache
def libraries() -> dict[str, Entry]:
    """Every models/<package>.py with a function library, by the package."""
    return _all("models", _library)


def find_library(package: str) -> Entry:
    """The library of this package. Raises UserError when this version of the code takes none from it."""
    return _find("library", "models", _library, package)


@cache
def _library(path: Path) -> Entry | None:
    if node := _named(_body(path), ast.FunctionDef, "library"):
        options = _options(path.stem, node)
        return Entry(path.stem, f"kd.models.{path.stem}", "library", options, _constants(_body(path)))
    return None


def method_names() -> list[str]:
    """The names of all methods, whose files are not parsed for it."""
    return list(_files(HERE / "methods"))


@cache
def methods() -> dict[str, Entry]:
    """Every methods/<name>.py with a class Method; its class constants (NEEDS) come along."""
    return _all("methods", _method)


def find_method(name: Any) -> Entry:
    """The method of this name. Raises UserError when this version of the code has none."""
    return _find("method", "methods", _method, name)


@cache
def _method(path: Path) -> Entry | None:
    if node := _named(_body(path), ast.ClassDef, "Method"):
        options = _options(path.stem, _named(node.body, ast.FunctionDef, "__init__"))
        return Entry(path.stem, f"kd.methods.{path.stem}", "Method", options, _constants(node.body))
    return None


@cache
def datasets() -> dict[str, Entry]:
    """Every datasets/<name>.py with a function load; its module constants (PAD, FLIP, FILES) come along."""
    return _all("datasets", _dataset)


def find_dataset(name: Any) -> Entry:
    """The data set of this name. Raises UserError when this version of the code has none."""
    return _find("data set", "datasets", _dataset, name)


@cache
def _dataset(path: Path) -> Entry | None:
    load, gather = (_named(_body(path), ast.FunctionDef, name) for name in ("load", "gather"))
    if not load:
        return None
    options, constants = _options(path.stem, load, gather), _constants(_body(path))
    gathers = tuple(argument.arg for argument in gather.args.kwonlyargs) if gather else ()
    return Entry(path.stem, f"kd.datasets.{path.stem}", "load", options, constants, gathers)
