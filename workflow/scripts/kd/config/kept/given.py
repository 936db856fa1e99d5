"""The config of a study as the user gave it, to be kept with its results."""

import re
from collections.abc import Container, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from kd.errors import without_password


def as_given(config: Mapping[str, Any], files: Sequence[str | Path], overrides: Sequence[str]) -> str:
    """The text of a file that holds the whole config, without names and passwords in addresses.

    One file without `overrides`, the arguments of --config, is kept byte for byte, with its comments.
    Otherwise it is the merged `config`, below a comment that names the files, also those that are extended,
    and the overrides.
    """
    if len(files) == 1 and not overrides:
        return without_password(Path(files[0]).read_bytes().decode("utf-8"))
    sources = [*map(_nearest, files), *(f"--config {override}" for override in overrides)]
    head = "".join(f"#   {' '.join(source.split())}\n" for source in sources)
    written = _numbers(config, {override.partition("=")[0] for override in overrides})
    return without_password(
        f"# Merged from these, of which a later one counts more:\n{head}{to_yaml(written)}"
    )


def _nearest(file: str | Path) -> str:
    """A file below the current folder as it is seen from there, which names no home."""
    here = Path(file).absolute()
    return here.relative_to(Path.cwd()).as_posix() if here.is_relative_to(Path.cwd()) else str(file)


def _numbers(config: Mapping[str, Any], keys: Container[str]) -> dict[str, Any]:
    """With the numbers under these keys, which Snakemake reads from a command line as texts."""
    return {key: _number(value) if key in keys else value for key, value in config.items()}


def _number(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _number(inside) for key, inside in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return list(map(_number, value))
    is_number = isinstance(value, str) and re.fullmatch(r"-?(0|[1-9]\d*)(\.\d+)?|true|false|null", value)
    return yaml.safe_load(value) if is_number else value


def to_yaml(content: Mapping[str, Any]) -> str:
    """YAML in the order of its keys, a short mapping on one line; the same content gives the same bytes."""
    return yaml.dump(
        _plain(content),
        Dumper=_Dumper,
        sort_keys=False,
        default_flow_style=None,
        allow_unicode=True,
        width=110,
    )


class _Dumper(yaml.SafeDumper):
    """Never refers to another place of the file."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _one_line(text: str) -> str:
    return " ".join(text.splitlines())


def _plain(content: Any) -> Any:
    """Mappings and sequences of any kind as dicts and lists, which YAML writes without a tag."""
    if isinstance(content, Mapping):
        return {key: _plain(value) for key, value in content.items()}
    if isinstance(content, Sequence) and not isinstance(content, str):
        return [_plain(value) for value in content]
    return content
