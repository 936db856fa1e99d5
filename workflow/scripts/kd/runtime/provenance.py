"""Where a result came from: versions of what made it, the commit of the code, and when."""

import platform
import subprocess
from collections.abc import Iterable
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

RUN = ("torch", "torchvision", "numpy", "snakemake")  # packages that shape a run's result
EXPORT = ("torch", "onnx", "onnxruntime", "numpy")  # that run networks and write their files


def versions(architecture: str = "", packages: Iterable[str] = RUN) -> dict[str, str]:
    """Versions of Python and of these packages, and of the library of an architecture "library/name"."""
    library, slash, _ = architecture.partition("/")
    names = (*packages, *([library] if slash else []))
    return {"python": platform.python_version()} | {name: version(name) for name in names}


def commit() -> str:
    """The commit of the code, with "+" if files of it have changed since; "unknown" outside its repository.

    A repository around the code that does not track it, as of a thesis or of a home folder, is not its own.
    The user's index is not written to, and so never locked.
    """
    here = Path(__file__).resolve()

    def git(*arguments: str) -> str:
        command = ["git", "--no-optional-locks", *arguments]
        done = subprocess.run(command, cwd=here.parent, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    try:
        git("ls-files", "--error-unmatch", "--", here.name)
        changed = git("status", "--porcelain", "--untracked-files=no")
        return git("rev-parse", "--short=12", "HEAD") + ("+" if changed else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def finished() -> str:
    """Now, in UTC to the second: 2026-11-27T08:25:27Z. It names no time zone, and so no place."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
