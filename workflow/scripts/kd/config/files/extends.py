"""`extends:` in a config: the file that it is a variant of."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from kd.config.shorthand import full
from kd.errors import UserError, did_you_mean

KEY = "extends"


def extended(config: Mapping[str, Any], files: Sequence[str | Path]) -> tuple[dict[str, Any], list[Path]]:
    """`config`, which was read from `files`, over the file that it extends, and over those that this extends.

    Also all of these further files. A path is relative to the file in which it is written, and to the working
    folder for one that was set on the command line. Raises UserError for a file that cannot be read, that
    extends itself, or is no mapping, and for a variant without a name of its own.
    """
    if not isinstance(config, Mapping) or KEY not in config:
        return dict(config) if isinstance(config, Mapping) else config, []
    layers, chain = [_without_key(config)], [*_owner(config[KEY], files)]
    named, folder = config[KEY], chain[0].parent if chain else Path()
    read: list[Path] = []
    while named is not None:
        path = _path(named, folder)
        chain.append(path)
        if path.resolve() in {before.resolve() for before in chain[:-1]}:
            raise UserError(f"{KEY}: {' extends '.join(map(str, chain))}: a file cannot extend itself")
        content = _read(path)
        layers.append(_without_key(content))
        read.append(path)
        named, folder = content.get(KEY), path.parent
    if "study" not in config:
        raise UserError(
            f"study: this key is required beside {KEY}, because a variant has its own folder below results/"
        )
    merged: dict[str, Any] = {}
    for layer in reversed(layers):
        merged = merge(merged, layer)
    return merged, read


def merge(base: Mapping[str, Any], variant: Mapping[str, Any]) -> dict[str, Any]:
    """`variant` over `base`: a mapping is merged key by key, all else replaces what the base has.

    A data set of another name replaces that of the base, whose options it does not have.
    """
    merged = _full(base)
    for key, value in variant.items():
        before = merged.get(key)
        if isinstance(value, Mapping) and isinstance(before, Mapping) and not _another(key, before, value):
            merged[key] = merge(before, value)
        else:
            merged[key] = value
    return merged


def _another(key: str, before: Mapping[str, Any], value: Mapping[str, Any]) -> bool:
    return key == "dataset" and "name" in value and value["name"] != before.get("name")


def _full(base: Mapping[str, Any]) -> dict[str, Any]:
    try:
        return full(base)
    except ValidationError:
        return dict(base)  # its mistakes are reported when the whole is checked


def _without_key(config: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in config.items() if key != KEY}


def _owner(named: Any, files: Sequence[str | Path]) -> list[Path]:
    """The last of the files that has this value of the key, if one has."""
    owners = [Path(file) for file in files if _read(Path(file)).get(KEY) == named]
    return owners[-1:]


def _path(named: Any, folder: Path) -> Path:
    if not isinstance(named, str) or not named:
        raise UserError(f"{KEY}: should be the path of a config file (it is {named!r})")
    try:
        return folder / Path(named).expanduser()
    except RuntimeError as error:
        raise UserError(f"{KEY}: {named[-60:]!r} cannot be read: {error}") from error


def _read(path: Path) -> dict[str, Any]:
    """The content of a config file, JSON or YAML."""
    try:
        text = path.read_text(encoding="utf-8").replace("\t", " ")  # JSON may be indented with tabs
        content = yaml.safe_load(text)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        hint = did_you_mean(path.name, (other.name for other in path.parent.glob("*.yaml")))
        raise UserError(f"{KEY}: {str(path)[-200:]!r} cannot be read: {reason}{hint}") from error
    except yaml.YAMLError as error:
        raise UserError(f"{KEY}: {str(path)[-200:]!r} is no YAML: {' '.join(str(error).split())}") from error
    if not isinstance(content, dict):
        raise UserError(f"{KEY}: {str(path)[-200:]!r} should hold a mapping of keys to values")
    return content
