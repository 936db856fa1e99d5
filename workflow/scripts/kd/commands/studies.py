"""Which config and which folder of results the name of a study means, for the commands of the Makefile."""

import re
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import yaml

from kd.errors import UserError, did_you_mean, shown
from kd.plan.layout import ROOT

CONFIGS, RESULTS = Path("config"), Path(ROOT)
DEFAULT = CONFIGS / "config.yaml"  # what Snakemake reads where no other config is named
SUFFIXES = (".yaml", ".yml")
NAME = r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}"  # of a study


def config_of(name: str) -> Path:
    """The config of a study: config/<name>.yaml, the one that has `study: <name>`, or a config by its path.

    An empty name is the default config. Raises UserError with the names that there are.
    """
    if not name:
        return _existing(DEFAULT, "the default config")
    if name.endswith(SUFFIXES):
        return _existing(Path(name), "STUDY")
    path = CONFIGS / f"{name}.yaml"
    if re.fullmatch(NAME, name):
        if path.is_file():
            return path
        for other in _configs():
            if study_of(other) == name:
                return other
    raise UserError(f"STUDY={name}: {_missing(path, name)}")


def folder_of(name: str) -> Path:
    """The folder of a study's results, which need not exist: results/<name>, or that of its config.

    Raises UserError where there is neither.
    """
    if re.fullmatch(NAME, name) and (RESULTS / name).is_dir():
        return RESULTS / name
    try:
        config = config_of(name)
    except UserError as error:
        raise UserError(f"{error}; results there are: {_list(studies())}") from None
    study = study_of(config)
    if study is None:
        raise UserError(
            f"{config}: has no key `study` that can be read; it names the folder below {RESULTS}/"
        )
    return RESULTS / study


def studies() -> list[str]:
    """The studies that have results, by name."""
    if not RESULTS.is_dir():
        return []
    return sorted(path.name for path in RESULTS.iterdir() if path.is_dir() and re.fullmatch(NAME, path.name))


def study_of(config: Path, depth: int = 9) -> str | None:
    """The value of `study` in a config, or in the one that it extends; None where it cannot be read."""
    try:
        content = yaml.safe_load(config.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError):
        return None
    if not isinstance(content, dict):
        return None
    study, base = content.get("study"), content.get("extends")
    if study is None and isinstance(base, str) and depth:
        return study_of(config.parent / base, depth - 1)
    return study if isinstance(study, str) and re.fullmatch(NAME, study) else None


def _existing(path: Path, what: str) -> Path:
    with suppress(OSError):  # a name that is too long
        if path.is_file():
            return path
    raise UserError(f"{what}: {_missing(path, path.stem)}")


def _missing(path: Path, name: str) -> str:
    names = [config.stem if config != DEFAULT else study_of(config) or config.stem for config in _configs()]
    return f"no file {shown(path)}{did_you_mean(name, names)}; configs there are: {_list(names)}"


def _configs() -> list[Path]:
    return sorted(CONFIGS.glob("*.yaml"))


def _list(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)) or "none"
