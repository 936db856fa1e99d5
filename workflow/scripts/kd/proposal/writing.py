"""Writing a new config: checked as the workflow will check it, and never over another."""

from pathlib import Path

import yaml

from kd.config.load import load_study
from kd.errors import UserError


def write_new(path: Path, text: str) -> None:
    """Write a config; UserError where it is not valid, where there is one, or where it cannot be written."""
    load_study(yaml.safe_load(text))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(path, "x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError as error:
        raise UserError(
            f"{path} exists and is not overwritten; choose another --study, or delete it"
        ) from error
    except OSError as error:
        raise UserError(f"{path}: cannot be written: {error.strerror}") from error
