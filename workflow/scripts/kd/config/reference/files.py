"""The files below config/ with what others have published: presets of methods, and tables of results."""

from functools import cache
from pathlib import Path
from typing import Any

import yaml

from kd.config.files.repeated import refuse_repeated_keys
from kd.errors import UserError, did_you_mean

ROOT = Path(__file__).parents[5] / "config"


def names(kind: str) -> list[str]:
    """The names of all files of a kind, "presets" or "published"."""
    return sorted(path.stem for path in (ROOT / kind).glob("*.yaml"))


@cache  # a preset is read for each method that has it
def read(kind: str, name: str) -> Any:
    """What is in config/<kind>/<name>.yaml.

    Raises UserError for a name that there is no file of, and for one that cannot be read or is no YAML.
    """
    allowed = names(kind)
    if name not in allowed:
        hint = f"{did_you_mean(name, allowed)}; allowed: {', '.join(allowed)}"
        raise UserError(f"there is no file {name!r} in config/{kind}/{hint}")
    path = ROOT / kind / f"{name}.yaml"
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        refuse_repeated_keys([path])
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise UserError(f"{path} cannot be read: {' '.join(str(error).split())}") from error
    return content
