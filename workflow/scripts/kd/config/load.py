"""From a config to a study: every mistake is reported at once, each under its key."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ValidationError

from kd.config.methods import methods_of
from kd.config.plugins import items
from kd.config.problems import Problems
from kd.config.schema import NetworkEntry, StudyFile, TeacherEntry
from kd.config.sections import dataset_of, ensembles_of, externals_of, networks_of, stored_of
from kd.config.study import STORABLE, Dataset, Method, Study
from kd.config.sweep import sweeps_of
from kd.errors import UserError, near
from kd.settings.recipe import Recipe


def load_study(config: Mapping[str, Any]) -> Study:
    """Check a config and return its study.

    Raises UserError with one line per mistake, each naming its key path and what is allowed.
    """
    problems = Problems()
    file = problems.check(StudyFile, config, ())
    dataset = dataset_of(problems, config.get("dataset"))
    recipe = file.recipe if file else _quiet(Recipe, config.get("recipe", {}))
    teachers = networks_of(problems, config, "teachers", TeacherEntry, recipe)
    students = networks_of(problems, config, "students", NetworkEntry, recipe)
    ensembles, externals = ensembles_of(problems, config), externals_of(problems, config)
    stored = stored_of(problems, config)
    if dataset and dataset.endless:
        for name in stored:
            text = "no logits could be stored of endless views, as dataset.crop_area makes them"
            problems.add(("teachers", name, "logits"), text)
    methods = methods_of(problems, config)
    sweeps = sweeps_of(problems, config, students, tuple(file.seeds) if file else ())
    methods |= {name: method for name, (_, method) in sweeps.items()}
    pairs = _pairs(problems, config)
    _check_repeats(problems, file.seeds if file else config.get("seeds"), "seeds")  # 0 and 0.0 are one
    if file and file.targets == "cached":
        _check_cacheable(problems, methods, dataset)
    if problems.lines or file is None:
        raise UserError("\n".join(problems.lines))
    study = Study(
        name=file.study,
        dataset=dataset,
        teachers=teachers,
        ensembles=ensembles,
        externals=externals,
        logits_teachers=stored,
        students=students,
        pairs=pairs,
        methods=methods,
        seeds=tuple(file.seeds),
        targets=file.targets,
        compute=file.compute,
        diagnostics=file.diagnostics,
        export=file.export,
        sweeps={name: sweep for name, (sweep, _) in sweeps.items()},
    )
    _check_taught(problems, study)
    if problems.lines:
        raise UserError("\n".join(problems.lines))
    return study


def _quiet(model: type[BaseModel], value: Any) -> Any:
    """`value` as `model`, or the model's defaults where it is wrong and has been reported already."""
    try:
        return model.model_validate(value)
    except ValidationError:
        return model()


def _pairs(problems: Problems, config: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    names = {side: [name for name, _ in items(config.get(side))] for side in ("teachers", "students")}
    given = config.get("pairs", "all")
    if given == "all":
        return tuple((teacher, student) for teacher in names["teachers"] for student in names["students"])
    given = given if isinstance(given, list | tuple) else []
    given = [pair for pair in given if isinstance(pair, list | tuple) and len(pair) == 2]
    for index, pair in enumerate(given):
        for side, name in zip(names, pair, strict=True):
            if isinstance(name, str) and name not in names[side]:
                hint = near(name, names[side])
                problems.add(
                    ("pairs", index), f"{name!r} is not in {side}{hint}; allowed: {', '.join(names[side])}"
                )
    _check_repeats(problems, given, "pairs")
    return tuple((str(teacher), str(student)) for teacher, student in given)


def _check_repeats(problems: Problems, values: Any, key: str) -> None:
    values = [str(value) for value in values] if isinstance(values, list | tuple) else []
    for repeated in sorted({value for value in values if values.count(value) > 1}):
        problems.add((key,), f"{repeated} is given more than once; each may be there once")


def _check_cacheable(problems: Problems, methods: dict[str, Method], dataset: Dataset | None) -> None:
    if dataset and dataset.endless:
        text = "'cached' would store endless views, as dataset.crop_area makes them; allowed: auto, live"
        problems.add(("targets",), text)
    for method in methods.values():
        if not method.of_teacher <= STORABLE:
            problems.add(
                ("targets",),
                f"'cached' stores logits only, but {method.name} needs more; allowed: auto, live",
            )
        elif method.via or method.generations > 1:
            problems.add(
                ("targets",),
                f"'cached' stores the logits of teachers, and {method.name} has networks in between, which"
                " run live; allowed: auto, live",
            )


def _check_taught(problems: Problems, study: Study) -> None:
    """A method that no pair can run would leave the table without a word."""
    for name, method in study.methods.items():
        if not study.pairs_of(name):
            several = "members" in method.needs
            what = "an ensemble among the teachers" if several else "a teacher that is one network"
            both = several and not method.of_teacher <= STORABLE
            what = "stages and an ensemble, which has none, at once" if both else what
            problems.add(("methods", name), f"needs {what}, and no pair has that")
