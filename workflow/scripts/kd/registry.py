"""Finds architectures, methods and data sets by reading their files, without importing them.

A name in the config is looked up in the source: `models/*.py` (every public function is an architecture),
`methods/<name>.py` (its class `Method`) and `datasets/<name>.py` (its function `load`, and `gather` where it
chooses what is downloaded). Their keyword-only arguments are the options a user may set. Nothing is listed
anywhere, torch is not imported to check a config, and no job comes to depend on a file that it does not use.
A job that knows the name of its plug-in calls `find_method` and its like, which parse one file.

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

from pydantic import BaseModel

from kd.errors import UserError, did_you_mean
from kd.settings.source import constants_of, options_of

HERE = Path(__file__).parent


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


def _named(body: list[ast.stmt], name: str) -> Any:
    return next((node for node in body if getattr(node, "name", None) == name), None)


@cache
def _read(path: Path, target: str, name: str | None = None) -> Entry | None:
    """The plug-in that a file defines as `target`, if it does, called `name` or else as the file."""
    name, body = name or path.stem, _body(path)
    if not (node := _named(body, target)):
        return None
    gather = _named(body, "gather") if target == "load" else None
    return Entry(
        name=name,
        module=f"kd.{path.parent.name}.{path.stem}",
        target=target,
        options=options_of(name, node, gather),
        constants=constants_of(node.body if isinstance(node, ast.ClassDef) else body),
        gathers=tuple(argument.arg for argument in gather.args.kwonlyargs) if gather else (),
    )


def missing(what: str, name: Any, allowed: Iterable[str], hint: str = "") -> UserError:
    """The error for a name that no plug-in has, with a hint, or else the nearest of the allowed names."""
    hint = hint or did_you_mean(name, allowed)
    return UserError(f"there is no {what} {name!r}{hint}; allowed: {', '.join(sorted(allowed))}")


def _kind(what: str, folder: str, target: str) -> tuple[Callable[[], dict], Callable[[Any], Entry]]:
    """Of plug-ins that are the `target` of one file each and named as it: all by name, and that of a name.

    For the one no other file is parsed. It raises UserError when this version of the code has none.
    """

    @cache
    def every() -> dict[str, Entry]:
        files = _files(HERE / folder)
        return {stem: entry for stem, path in files.items() if (entry := _read(path, target))}

    def find(name: Any) -> Entry:
        path = _files(HERE / folder).get(name) if isinstance(name, str) else None
        if entry := path and _read(path, target):
            return entry
        raise missing(what, name, every())

    return every, find


methods, find_method = _kind("method", "methods", "Method")
datasets, find_dataset = _kind("data set", "datasets", "load")
libraries, find_library = _kind("library", "models", "library")


def method_names() -> list[str]:
    """The names of all methods, whose files are not parsed for it."""
    return list(_files(HERE / "methods"))


@cache
def architectures() -> dict[str, Entry]:
    """Every public function of models/*.py, by name; those of libraries have `find_architecture` alone."""
    return {
        node.name: _read(path, node.name, node.name)
        for path in _files(HERE / "models").values()
        if not _read(path, "library")
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
    raise missing("architecture", name, architectures())


@cache
def _network(folder: Path, name: str) -> Entry | None:
    """From the file of this name, if there is one, or that which defines it; no other is parsed."""
    for path in sorted(_files(folder).values(), key=lambda path: path.stem != name):
        defined = name[:1] != "_" and f"def {name}(" in path.read_text(encoding="utf-8")
        if defined and not _read(path, "library") and (entry := _read(path, name, name)):
            return entry
    return None
