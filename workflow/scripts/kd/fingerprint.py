"""A digest of the code that a job runs: it changes when, and only when, that code does.

Snakemake itself looks at a script's modification time, and not at all at what the script imports.
"""

import ast
import hashlib
from collections.abc import Iterable
from functools import cache
from pathlib import Path

SCRIPTS = Path(__file__).parent.parent


def fingerprint(script: str, modules: Iterable[str] = ()) -> str:
    """SHA-256 of a script and of all local modules that it imports, directly or not.

    `modules` names those that it imports by a name known at run time only ("kd.models.vgg").
    Comments, docstrings and layout do not count. Raises FileNotFoundError for a script that is not there.
    """
    waiting = [SCRIPTS / script, *filter(None, map(_find, modules))]
    seen: dict[str, str] = {}
    while waiting:
        path = waiting.pop()
        name = path.relative_to(SCRIPTS).as_posix()
        if name not in seen:
            seen[name], imported = _read(path)
            waiting.extend(imported)
    digest = hashlib.sha256()
    for name, code in sorted(seen.items()):
        digest.update(f"{name}\0{code}\0".encode())
    return digest.hexdigest()


def _find(module: str) -> Path | None:
    """The file of a local module, or None for anything installed."""
    path = SCRIPTS.joinpath(*module.split(".")).with_suffix(".py")
    return path if path.is_file() else None


@cache
def _read(path: Path) -> tuple[str, tuple[Path, ...]]:
    """The code of a file in a normal form, and the local files that it imports."""
    tree = ast.parse(path.read_text(encoding="utf-8"), filename=str(path))
    imported = tuple(filter(None, map(_find, _imports(tree))))
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list) and body and _is_text(body[0]):
            node.body = body[1:] or [ast.Pass()]
    return ast.unparse(tree), imported


def _is_text(node: ast.stmt) -> bool:
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


def _imports(tree: ast.Module) -> set[str]:
    """Names that may be modules: of `from kd import x` both kd and kd.x."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    return names
