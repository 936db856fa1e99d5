"""From a config to a study: every mistake is reported at once, each under its key."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from kd.config.plugins import Context
from kd.config.problems import Problems, lines
from kd.config.schema import ANCHORS, StudyFile
from kd.config.study import STORABLE, Ensemble, External, Network, Study
from kd.errors import UserError


def load_config(config: Mapping[str, Any], files: Iterable[str]) -> Study:
    """The study of a config that was read from `files`, in which no key stands twice.

    Raises UserError as load_study and refuse_repeated_keys do.
    """
    study = load_study(config)
    refuse_repeated_keys(files)
    return study


def load_study(config: Mapping[str, Any]) -> Study:
    """Check a config and return its study.

    Raises UserError with one line per mistake, each naming its key path and what is allowed.
    """
    try:
        with Problems() as problems:
            file = problems.check(StudyFile, _without_anchors(config), context=Context())
        study = _study(file)
        with Problems() as problems:
            _check_taught(problems, study)
    except ValidationError as error:
        raise UserError("\n".join(lines(error))) from None
    return study


def _without_anchors(config: Any) -> Any:
    """Without the keys whose values are there to be referred to by anchors of YAML."""
    if not isinstance(config, Mapping):
        return config
    return {key: value for key, value in config.items() if not str(key).startswith(ANCHORS)}


def _study(file: StudyFile) -> Study:
    same = "dataset", "students", "pairs", "seeds", "targets", "compute", "diagnostics", "export"
    kinds = {"teachers": Network, "ensembles": Ensemble, "externals": External, "logits_teachers": str}
    methods, sweeps = dict(file.methods), {}
    for name, (sweep, method) in file.sweep.items():
        methods[name], sweeps[name] = method, replace(sweep, seeds=sweep.seeds or file.seeds)
    teachers: dict[str, dict] = {key: {} for key in kinds}
    for name, teacher in file.teachers.items():
        teachers[next(key for key, kind in kinds.items() if isinstance(teacher, kind))][name] = teacher
    shared = {key: getattr(file, key) for key in same}
    return Study(name=file.study, methods=methods, sweeps=sweeps, **shared, **teachers)


def _check_taught(problems: Problems, study: Study) -> None:
    """A method that no pair can run would leave the table without a word."""
    for name, method in study.methods.items():
        if not study.pairs_of(name):
            several = "members" in method.needs
            what = "an ensemble among the teachers" if several else "a teacher that is one network"
            both = several and not method.of_teacher <= STORABLE
            what = "stages and an ensemble, which has none, at once" if both else what
            problems.add(("methods", name), f"needs {what}, and no pair has that")


def refuse_repeated_keys(files: Iterable[str]) -> None:
    """Refuse YAML in which a key stands twice: YAML takes the last, and the first is lost without a word.

    Likewise numbers that YAML reads with another base than ten: 010 as 8, 1:30 as 90. Raises UserError naming
    the file, the line and the key or number.
    """
    for file in files:
        text = Path(file).read_text(encoding="utf-8").replace("\t", " ")  # JSON may be indented with tabs
        waiting = [yaml.compose(text, yaml.SafeLoader)]
        while waiting:
            node = waiting.pop()
            if isinstance(node, yaml.MappingNode):
                seen: set[str] = set()
                for key, value in node.value:
                    if key.value in seen:
                        line = key.start_mark.line + 1
                        raise UserError(f"{file}, line {line}: the key {key.value!r} is there twice")
                    seen.add(key.value)
                    waiting.append(value)
            elif isinstance(node, yaml.SequenceNode):
                waiting.extend(node.value)
            elif isinstance(node, yaml.ScalarNode) and _of_another_base(node):
                value = yaml.safe_load(node.value)
                line = node.start_mark.line + 1
                meant = f"{value}, or the number that is meant"
                raise UserError(
                    f"{file}, line {line}: {node.value} is {value} to YAML (octal or base 60); write {meant}"
                )


def _of_another_base(node: yaml.ScalarNode) -> bool:
    """Whether it is a number that one would take for another, or for a time: 010, 1:30."""
    number = node.style is None and node.tag.rpartition(":")[2] in ("int", "float")
    return number and (":" in node.value or re.fullmatch(r"[-+]?0[0-7_]+", node.value) is not None)
