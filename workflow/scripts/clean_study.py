"""Delete the results of a study, after a question."""

import re
import shutil
import sys
from pathlib import Path

from kd.commands.line import on_command_line, study_parser
from kd.commands.studies import NAME, RESULTS, studies
from kd.errors import UserError
from kd.monitor.status import read_study


def main(study: str, *, yes: bool) -> int:
    """Delete results/<study>; 1 if the user does not want that. `yes`: without asking. Raises UserError."""
    folder = checked(study)
    files = [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]
    print(f"{folder}: {len(files):,} files, {sum(path.stat().st_size for path in files) / 1e6:,.1f} MB")
    if not yes and not confirmed(f"Delete {folder}? [y/N] "):
        print("Nothing is deleted.")
        return 1
    try:
        shutil.rmtree(folder)
    except OSError as error:
        raise UserError(f"{error.filename}: {error.strerror}; some files are left") from error
    print(f"{folder} is deleted.")
    return 0


def checked(study: str) -> Path:
    """The folder of a study that may be deleted; UserError if there is none, or a run writes into it."""
    folder, there = RESULTS / study, ", ".join(studies()) or "none"
    if not study:
        raise UserError(f"name the study: make clean STUDY=name; there are: {there}")
    if not re.fullmatch(NAME, study) or not folder.is_dir():
        raise UserError(f"STUDY={study}: no folder {folder}; there are: {there}")
    if folder.is_symlink():
        raise UserError(f"{folder} is a link to {folder.resolve()}; delete that folder yourself")
    state = read_study(folder)
    if state and state.phase == "running":
        raise UserError(f"{folder}: a run writes into it; stop that with Ctrl-C first")
    return folder


def confirmed(question: str) -> bool:
    """The user's consent; UserError where there is no terminal to ask."""
    if not sys.stdin.isatty():
        raise UserError("no terminal to ask; make clean YES=1 (--yes) deletes without a question")
    try:
        return input(question).strip().lower() in ("y", "yes")
    except EOFError:
        return False


if __name__ == "__main__":
    parser = study_parser(__doc__)
    parser.add_argument("--yes", action="store_true", help="do not ask")
    sys.exit(on_command_line(main, parser))
