"""A digest of the code that a job runs: it changes when, and only when, that code does.

Snakemake itself looks at a script's modification time, and not at all at what the script imports.
"""

import ast
import hashlib
import io
import tokenize
from collections.abc import Iterator
from functools import cache
from itertools import accumulate
from pathlib import Path

SCRIPTS = Path(__file__).parents[2]
# It shows how jobs go and shapes no result: this package, and what it alone imports, is left out.
MONITOR = "kd/monitor/"
_SILENT = {tokenize.COMMENT, tokenize.NL, tokenize.ENDMARKER}
_MARKS = {tokenize.NEWLINE: "\n", tokenize.INDENT: "{", tokenize.DEDENT: "}"}
# From Python 3.12 on an f-string is several tokens; it is one here, as it is before.
_OPENS = {getattr(tokenize, name, None) for name in ("FSTRING_START", "TSTRING_START")}
_CLOSES = {getattr(tokenize, name, None) for name in ("FSTRING_END", "TSTRING_END")}


@cache  # thousands of jobs run the same code
def fingerprint(script: str, modules: tuple[str, ...] = (), texts: tuple[str, ...] = ()) -> str:
    """SHA-256 of a script and of all local modules that it imports, directly or not.

    `modules` names those that it imports by a name known at run time only ("kd.models.vgg"), `texts` files
    beside the code that it reads, relative to the folder of the scripts; of these every character counts.
    Comments, docstrings, blank lines and spaces do not count, nor does the package kd.monitor. Every version
    of Python gives the same digest. Raises FileNotFoundError for a script or text that is not there.
    """
    waiting = [SCRIPTS / script, *(path for module in modules for path in _find(module))]
    codes: dict[str, str] = {}
    while waiting:
        path = waiting.pop()
        name = path.relative_to(SCRIPTS).as_posix()
        if name not in codes and not name.startswith(MONITOR):
            codes[name], imported = _read(path)
            waiting.extend(imported)
    contents = [(name, (SCRIPTS / name).read_text(encoding="utf-8")) for name in sorted(texts)]
    digest = hashlib.sha256()
    for name, content in [*sorted(codes.items()), *contents]:
        digest.update(f"{name}\0{content}\0".encode())
    return digest.hexdigest()


def _find(module: str) -> list[Path]:
    """The files that importing a local module runs, its packages' among them; none for what is installed."""
    parts = module.split(".")
    folders = [SCRIPTS.joinpath(*parts[:count]) for count in range(1, len(parts) + 1)]
    files = [folder / "__init__.py" for folder in folders] + [folders[-1].with_suffix(".py")]
    return [path for path in files if path.is_file()]


@cache
def _read(path: Path) -> tuple[str, tuple[Path, ...]]:
    """The code of a file in a normal form, and the local files that it imports."""
    source = path.read_text(encoding="utf-8")
    tree = ast.parse(source, filename=str(path))
    package = path.relative_to(SCRIPTS).parent.parts
    imported = tuple(file for module in sorted(_imports(tree, package)) for file in _find(module))
    return _normal(source, tree), imported


def _statements(tree: ast.Module) -> Iterator[ast.AST]:
    """The module, all its statements, and the clauses of these; not expressions, which are most of a tree."""
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        yield node
        for part in ("body", "orelse", "finalbody", "handlers", "cases"):
            waiting.extend(getattr(node, part, ()))


def _imports(tree: ast.Module, package: tuple[str, ...]) -> set[str]:
    """Names that may be modules: of `from kd import x` both kd and kd.x; `package` is that of the file."""
    names = set()
    for node in _statements(tree):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            module = ".".join([*base, *([node.module] if node.module else [])])
            names.update([module, *(f"{module}.{alias.name}" for alias in node.names)])
    return names


def _docstring_starts(tree: ast.Module) -> set[tuple[int, int]]:
    """(line, column) at which every docstring begins."""
    starts = set()  # ast counts columns in bytes, tokenize in characters: only spaces stand before these
    for node in _statements(tree):
        body = getattr(node, "body", None)
        first = body[0] if isinstance(body, list) and body else None
        if isinstance(first, ast.Expr) and isinstance(getattr(first.value, "value", None), str):
            starts.add((first.lineno, first.col_offset))
    return starts


def _normal(source: str, tree: ast.Module) -> str:
    """The tokens of the code; its structure, and nothing of its comments and layout, remains."""
    docstrings = _docstring_starts(tree)
    starts = list(accumulate(map(len, source.splitlines(keepends=True)), initial=0))  # of the lines
    code: list[str] = []
    inside, opened, skipping = 0, (0, 0), False
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type in _OPENS:
            opened = opened if inside else token.start
            inside += 1
        elif token.type in _CLOSES:
            inside -= 1
            if not inside:
                begin, end = (starts[line - 1] + column for line, column in (opened, token.end))
                code.append(source[begin:end])
        elif inside or token.type in _SILENT:
            continue
        elif token.start in docstrings or skipping:
            # A docstring lasts, in pieces perhaps, to the end of its line.
            skipping = token.type != tokenize.NEWLINE
        else:
            code.append(_MARKS.get(token.type, token.string))
    return " ".join(code)
