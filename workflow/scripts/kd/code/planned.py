"""Whether the code that a job has loaded is the code that the study was planned with.

Someone who looks at another branch while a study runs has other files on the disk for a while. A job that
starts then would make a result of other code, which Snakemake records as that of the plan.
"""

import hashlib
import json
import os
import sys
from pathlib import Path

import psutil

from kd.code.fingerprint import MONITOR, SCRIPTS
from kd.code.normal_form import kept_form, read_form
from kd.errors import UserError
from kd.io.files import write_text

PLANS = Path(".snakemake/kd-code")
VARIABLE = "KD_PLANNED_CODE"  # the listing's path, for the jobs
SLACK = 1.0  # seconds between the reading of a script and the start of its process

Listing = dict[str, tuple[str, int]]  # by path below SCRIPTS: SHA-256, and the time of the last change in ns


def announce_code() -> None:
    """Write down what all files of the scripts hold now, and hand the path of that to every job."""
    text = json.dumps(_listing(), sort_keys=True)
    path = PLANS / f"{hashlib.sha256(text.encode()).hexdigest()[:16]}.json"
    if not path.exists():
        write_text(path, text)
    os.environ[VARIABLE] = str(path.absolute())


def _listing() -> Listing:
    names = (path.relative_to(SCRIPTS).as_posix() for path in SCRIPTS.rglob("*") if path.is_file())
    return {name: _state(name) for name in sorted(names) if "__pycache__" not in name}


def _state(name: str) -> tuple[str, int]:
    path = SCRIPTS / name
    return hashlib.sha256(path.read_bytes()).hexdigest(), path.stat().st_ctime_ns


class LoadedCode:
    """What this process has loaded, compared with the listing that Snakemake announced, if it did."""

    def __init__(self) -> None:
        path = Path(os.environ.get(VARIABLE, os.devnull))
        self._planned: Listing = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
        self._began = psutil.Process().create_time()
        self._checked: set[str] = set()

    def check(self, script: str) -> None:
        """UserError naming a file of what this process runs that is not, or was not, as planned.

        `script` is that of the job, relative to the folder of the scripts. A file of code is checked once: an
        edit after it was loaded does nothing. Files that are no code, such as templates, count as well where
        they lie in the package of a loaded module.
        """
        if not self._planned:
            return
        loaded = {script, *_modules()}
        folders = {name.rpartition("/")[0] for name in loaded if "/" in name}
        texts = {
            name for name in self._planned if not name.endswith(".py") and name.rpartition("/")[0] in folders
        }
        for name in sorted(loaded - self._checked | texts):
            if not name.startswith(MONITOR) and self._differs(name):
                raise UserError(f"{SCRIPTS / name}: has changed since the study was read; run again")
        self._checked |= loaded

    def _differs(self, name: str) -> bool:
        if name not in self._planned or not (SCRIPTS / name).is_file():
            return True
        (planned, changed_then), (now, changed) = self._planned[name], _state(name)
        if now != planned:
            return not name.endswith(".py") or not _same_form(name, planned)
        # It is as planned again, and may have been another when this process read it.
        return changed != changed_then and changed / 1e9 > self._began - SLACK


def _same_form(name: str, planned: str) -> bool:
    """Whether only comments and layout differ from the file that had this SHA-256."""
    package = tuple(name.split("/")[:-1])
    return read_form((SCRIPTS / name).read_bytes(), package) == kept_form(planned, package)


def _modules() -> set[str]:
    """The local files, below SCRIPTS, that this process has imported."""
    # A job has imported 4,000 modules. As paths they would take a third of a second.
    folder = f"{SCRIPTS}/"
    files = (str(getattr(module, "__file__", None)) for module in list(sys.modules.values()))
    return {file.removeprefix(folder) for file in files if file.startswith(folder)}
