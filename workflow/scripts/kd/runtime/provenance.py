"""Where a result came from: versions of what made it, and the commit of the code."""

import platform
import subprocess
from importlib.metadata import version
from pathlib import Path


def versions(architecture: str = "") -> dict[str, str]:
    """Versions of Python and of the packages that shape a result, with that of an architecture's library."""
    library, slash, _ = architecture.partition("/")
    packages = ("torch", "torchvision", "numpy", "snakemake", *([library] if slash else []))
    return {"python": platform.python_version()} | {name: version(name) for name in packages}


def commit() -> str:
    """The commit of the code, with "+" if files of it have changed since; "unknown" outside git."""
    here = Path(__file__).parent

    def git(*arguments: str) -> str:
        done = subprocess.run(["git", *arguments], cwd=here, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    try:
        changed = git("status", "--porcelain", "--untracked-files=no")
        return git("rev-parse", "--short=12", "HEAD") + ("+" if changed else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
