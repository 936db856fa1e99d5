"""A digest of the code that a job runs: it changes when, and only when, that code does.

Snakemake itself looks at a script's modification time, and not at all at what the script imports.
"""

import hashlib
from functools import cache
from pathlib import Path

from kd.code.normal_form import read_form

SCRIPTS = Path(__file__).parents[2]
# It shows how jobs go and shapes no result: this package, and what it alone imports, is left out.
MONITOR = "kd/monitor/"


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


@cache
def _find(module: str) -> tuple[Path, ...]:
    """The files that importing a local module runs, its packages' among them; none for what is installed."""
    parts = module.split(".")
    folders = [SCRIPTS.joinpath(*parts[:count]) for count in range(1, len(parts) + 1)]
    files = [folder / "__init__.py" for folder in folders] + [folders[-1].with_suffix(".py")]
    return tuple(path for path in files if path.is_file())


@cache
def _read(path: Path) -> tuple[str, tuple[Path, ...]]:
    """The code of a file in its normal form, and the local files that it imports."""
    code, names = read_form(path.read_bytes(), path.relative_to(SCRIPTS).parent.parts)
    return code, tuple(file for name in names for file in _find(name))
