"""From a config to a study: every mistake is reported at once, each under its key."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from kd.config.files.extends import extended
from kd.config.files.repeated import refuse_repeated_keys
from kd.config.plugins import Context
from kd.config.problems import Problems, lines
from kd.config.reference.matched import with_published
from kd.config.schema import ANCHORS, StudyFile
from kd.config.study.networks import Ensemble, External, Network
from kd.config.study.storing import STORABLE
from kd.config.study.study import Study
from kd.errors import UserError
from kd.registry import find_method


def load_config(config: Mapping[str, Any], files: Sequence[str | Path]) -> Study:
    """The study of a config that was read from `files`, over the files that it extends.

    Raises UserError as load_study, extended and refuse_repeated_keys do.
    """
    whole, bases = extended(config, files)
    study = load_study(whole)
    refuse_repeated_keys([*files, *bases])
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
            _check_mixed(problems, study)
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
    study = Study(name=file.study, methods=methods, sweeps=sweeps, **shared, **teachers)
    return with_published(study, file.published)


def _check_taught(problems: Problems, study: Study) -> None:
    """A method that no pair can run would leave the table without a word."""
    for name, method in study.methods.items():
        refused = [refusal for pair in study.pairs for refusal in study.refusals(name, pair)]
        if not study.pairs_of(name) and refused:
            why = "; ".join(f"{place}, {text}" for place, text in dict.fromkeys(refused))
            problems.add(("methods", name), f"cannot run with any pair: not with {why}")
        elif not study.pairs_of(name):
            several = "members" in method.needs
            what = "an ensemble among the teachers" if several else "a teacher that is one network"
            both = several and not method.of_teacher <= STORABLE
            what = "stages and an ensemble, which has none, at once" if both else what
            problems.add(("methods", name), f"needs {what}, and no pair has that")


def _check_mixed(problems: Problems, study: Study) -> None:
    """A mixed image has two labels."""
    for name, method in study.methods.items():
        alone = [part for part, _ in method.parts if find_method(part).constants.get("ONE_LABEL")]
        if alone and study.dataset.mixes:
            section = "sweep" if name in study.sweeps else "methods"
            text = f"{alone[0]} needs one label for each image, and dataset.{study.dataset.mixes} mixes two"
            problems.add((section, name), f"{text}; leave one of them out")
