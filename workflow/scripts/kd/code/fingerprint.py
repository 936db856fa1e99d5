"""A digest of the code that a job runs: it changes when, and only when, that code does.

Snakemake itself looks at a script's modification time, and not at all at what the script imports.
"""

import hashlib
import os
from functools import cache
from itertools import accumulate
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
    waiting = [script, *(file for module in modules for file in _find(module))]
    codes: dict[str, str] = {}
    while waiting:
        name = waiting.pop()
        if name not in codes and not name.startswith(MONITOR):
            codes[name], imported = _read(name)
            waiting.extend(imported)
    contents = [(name, (SCRIPTS / name).read_text(encoding="utf-8")) for name in sorted(texts)]
    digest = hashlib.sha256()
    for name, content in [*sorted(codes.items()), *contents]:
        digest.update(f"{name}\0{content}\0".encode())
    return digest.hexdigest()


@cache  # names of files are relative to SCRIPTS and text, for a plan looks at them thousands of times
def _find(module: str) -> tuple[str, ...]:
    """The files that importing a local module runs, its packages' among them; none for what is installed."""
    folders = list(accumulate(module.split("."), "{}/{}".format))
    files = [f"{folder}/__init__.py" for folder in folders] + [f"{folders[-1]}.py"]
    return tuple(name for name in files if os.path.isfile(f"{SCRIPTS}/{name}"))  # noqa: PTH113


@cache
def _read(name: str) -> tuple[str, tuple[str, ...]]:
    """The code of a file in its normal form, and the local files that it imports."""
    code, modules = read_form((SCRIPTS / name).read_bytes(), tuple(name.split("/")[:-1]))
    return code, tuple(file for module in modules for file in _find(module))
