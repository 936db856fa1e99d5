"""What the source of a plug-in declares: its options and constants, read without importing it."""

import ast
from contextlib import suppress
from itertools import chain
from typing import Any

from pydantic import BaseModel, ConfigDict, create_model

from kd.errors import UserError
from kd.settings import types

_TYPES = {**vars(types), "int": int, "float": float, "bool": bool, "str": str}


def options_of(name: str, *plugins: ast.FunctionDef | ast.ClassDef | None) -> type[BaseModel]:
    """A pydantic model, called `name`, of the keyword-only arguments of functions, or those of a class.

    Raises UserError for one that is not declared with a type of kd/settings/types.py and a literal default.
    """
    fields: dict[str, Any] = {}
    for option, annotation, default in chain.from_iterable(map(_declared, filter(None, plugins))):
        kind = ast.unparse(annotation) if annotation else "nothing"
        try:
            # The annotation is this project's own source, and only the names in _TYPES resolve.
            declared = eval(kind, {"__builtins__": {}}, _TYPES)
            fields[option] = (declared, ... if default is None else ast.literal_eval(default))
        except (NameError, TypeError, ValueError) as error:
            raise UserError(
                f"{name}: its option {option} is declared as {kind}, which must be a type of"
                f" {types.__file__}, with a literal default ({error})"
            ) from error
    return create_model(name, __config__=ConfigDict(extra="forbid", frozen=True), **fields)


def _declared(plugin: ast.FunctionDef | ast.ClassDef) -> list[tuple[str, ast.expr | None, ast.expr | None]]:
    """Name, annotation and default of each keyword-only argument.

    Those of a class are its annotated names, of which a dataclass makes such arguments, unless it has an
    `__init__` of its own.
    """
    if isinstance(plugin, ast.FunctionDef):
        arguments = zip(plugin.args.kwonlyargs, plugin.args.kw_defaults, strict=True)
        return [(argument.arg, argument.annotation, default) for argument, default in arguments]
    if own := [node for node in plugin.body if getattr(node, "name", None) == "__init__"]:
        return _declared(own[0])
    names = [node for node in plugin.body if isinstance(node, ast.AnnAssign)]
    return [(ast.unparse(node.target), node.annotation, node.value) for node in names]


def constants_of(body: list[ast.stmt]) -> dict[str, Any]:
    """Upper-case names that are bound to a literal; what is computed at import nobody reads from here."""
    constants = {}
    for statement in body:
        match statement:
            case ast.Assign(targets=[ast.Name(id=name), *_], value=value) if name.isupper():
                with suppress(ValueError):
                    constants[name] = ast.literal_eval(value)
    return constants
