"""The normal form of Python code, its tokens without comments, docstrings and layout; and what it imports."""

import ast
import hashlib
import io
import json
import os
import tokenize
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from itertools import accumulate
from pathlib import Path

FORMS = Path(".snakemake/kd-code/forms")  # by content, because parsing takes most of the time of a plan
# Constants of a data set that reach jobs in their configuration: no script reads them in the module.
DATASETS = ("kd", "datasets")
CONFIGURED = {"SIZES", "SOURCE", "MIRROR", "LICENCE", "PAPER", "PUBLISHED", "HUB"}
_SILENT = {tokenize.COMMENT, tokenize.NL, tokenize.ENDMARKER}
_MARKS = {tokenize.NEWLINE: "\n", tokenize.INDENT: "{", tokenize.DEDENT: "}"}
# From Python 3.12 on an f-string is several tokens; it is one here, as it is before.
_OPENS = {getattr(tokenize, name, None) for name in ("FSTRING_START", "TSTRING_START")}
_CLOSES = {getattr(tokenize, name, None) for name in ("FSTRING_END", "TSTRING_END")}

Form = tuple[str, tuple[str, ...]]


def read_form(source: bytes, package: tuple[str, ...]) -> Form:
    """The normal form of a source in UTF-8, and the names that it imports, sorted; kept in FORMS by content.

    `package` is the one that the file lies in, for relative imports. Raises SyntaxError.
    """
    digest = hashlib.sha256(source).hexdigest()
    if kept := kept_form(digest, package):
        return kept
    text = source.decode("utf-8")
    tree = ast.parse(text)
    if package == DATASETS:
        text = _without_constants(text, tree)
    form = normal_form(text, tree), tuple(sorted(imported_names(tree, package)))
    path = _path_of(digest, package)
    with suppress(OSError):  # a folder that cannot be written to costs time and nothing else
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_suffix(f".{os.getpid()}")
        # Not synced: one that a power cut leaves half-made is made again.
        temporary.write_text(json.dumps(form), encoding="utf-8")
        temporary.replace(path)
    return form


def kept_form(sha256: str, package: tuple[str, ...]) -> Form | None:
    """The form of the source with this SHA-256, if it is kept."""
    try:
        code, names = json.loads(_path_of(sha256, package).read_text(encoding="utf-8"))
        return code, tuple(names)
    except (OSError, ValueError, TypeError):
        return None


def _path_of(sha256: str, package: tuple[str, ...]) -> Path:
    kind = hashlib.sha256(_own_code() + "\0".join(package).encode()).hexdigest()[:16]
    return FORMS / f"{sha256}-{kind}.json"


@cache
def _own_code() -> bytes:
    """Another normal form is another file."""
    return Path(__file__).read_bytes()


def _statements(tree: ast.Module) -> Iterator[ast.AST]:
    """The module, all its statements, and the clauses of these; not expressions, which are most of a tree."""
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        yield node
        for part in ("body", "orelse", "finalbody", "handlers", "cases"):
            waiting.extend(getattr(node, part, ()))


def imported_names(tree: ast.Module, package: tuple[str, ...]) -> set[str]:
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


def _without_constants(source: str, tree: ast.Module) -> str:
    """The source with empty lines in place of the constants that are CONFIGURED."""
    lines = source.splitlines(keepends=True)
    for node in tree.body:
        names = {getattr(target, "id", "") for target in getattr(node, "targets", ())}
        if names and names <= CONFIGURED:
            for number in range(node.lineno - 1, node.end_lineno):
                lines[number] = "\n"
    return "".join(lines)


def _docstring_starts(tree: ast.Module) -> set[tuple[int, int]]:
    """(line, column) at which every docstring begins."""
    starts = set()  # ast counts columns in bytes, tokenize in characters: only spaces stand before these
    for node in _statements(tree):
        body = getattr(node, "body", None)
        first = body[0] if isinstance(body, list) and body else None
        if isinstance(first, ast.Expr) and isinstance(getattr(first.value, "value", None), str):
            starts.add((first.lineno, first.col_offset))
    return starts


def normal_form(source: str, tree: ast.Module) -> str:
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
