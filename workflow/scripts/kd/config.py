"""From a config to a study: every mistake is reported at once, each under its key."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError, create_model

from kd import catalog
from kd.errors import UserError
from kd.explain import Problems, near
from kd.recipe import Recipe
from kd.schema import DatasetEntry, MethodEntry, NetworkEntry, StudyFile, TeacherEntry
from kd.study import Dataset, Method, Network, Study


def load_study(config: Mapping[str, Any]) -> Study:
    """Check a config and return its study.

    Raises UserError with one line per mistake, each naming its key path and what is allowed.
    """
    problems = Problems()
    file = problems.check(StudyFile, config, ())
    dataset = _dataset(problems, config.get("dataset"))
    recipe = file.recipe if file else _quiet(Recipe, config.get("recipe", {}))
    teachers = _networks(problems, config, "teachers", TeacherEntry, recipe)
    students = _networks(problems, config, "students", NetworkEntry, recipe)
    methods = _methods(problems, config)
    pairs = _pairs(problems, config)
    _check_repeats(problems, file.seeds if file else config.get("seeds"), "seeds")  # 0 and 0.0 are one
    if file and file.targets == "cached":
        _check_cacheable(problems, methods)
    if problems.lines or file is None:
        raise UserError("\n".join(problems.lines))
    return Study(
        file.study, dataset, teachers, students, pairs, methods, tuple(file.seeds), file.targets, file.compute
    )


def _quiet(model: type[BaseModel], value: Any) -> Any:
    """`value` as `model`, or the model's defaults where it is wrong and has been reported already."""
    try:
        return model.model_validate(value)
    except ValidationError:
        return model()


def _items(value: Any) -> list[tuple[str, dict[str, Any]]]:
    """The entries of a section that can be looked at further; wrong ones have been reported already."""
    if not isinstance(value, Mapping):
        return []
    pairs = [(name, {} if entry is None else entry) for name, entry in value.items()]
    return [(name, entry) for name, entry in pairs if isinstance(name, str) and isinstance(entry, Mapping)]


def _with_options(base: type[BaseModel], options: type[BaseModel]) -> type[BaseModel]:
    """The keys of `base` and the options of a plug-in in one strict model, so that both are checked."""
    extra = {name: (field.annotation, field) for name, field in options.model_fields.items()}
    config = ConfigDict(extra="forbid", frozen=True)
    keys = {name: (field.annotation, field) for name, field in base.model_fields.items()}
    return create_model(base.__name__, __config__=config, **keys, **extra)


def _find(problems: Problems, entries: Mapping[str, catalog.Entry], name: Any, path: tuple, what: str) -> Any:
    if isinstance(name, str) and name in entries:
        return entries[name]
    problems.add(
        path, f"there is no {what} {name!r}{near(name, entries)}; allowed: {', '.join(sorted(entries))}"
    )
    return None


def _resolve(
    problems: Problems,
    entries: Mapping[str, catalog.Entry],
    base: type[BaseModel],
    section: Mapping[str, Any],
    path: tuple,
    what: str,
) -> tuple[catalog.Entry | None, Any]:
    """The plug-in that a named section is about, by the key `what` or its own name; the section, checked."""
    given = section.get(what)
    named = given is not None
    entry = _find(problems, entries, given if named else path[-1], (*path, what) if named else path, what)
    return entry, entry and problems.check(_with_options(base, entry.options), section, path)


def _chosen(entry: catalog.Entry, checked: BaseModel) -> dict[str, Any]:
    """The plug-in's own options in `checked`, as JSON values, defaults included."""
    return checked.model_dump(mode="json", include=set(entry.options.model_fields))


def _dataset(problems: Problems, section: Any) -> Dataset | None:
    if not isinstance(section, Mapping) or "name" not in section:
        return None
    path = ("dataset",)
    entry = _find(problems, catalog.datasets(), section["name"], (*path, "name"), "data set")
    checked = entry and problems.check(_with_options(DatasetEntry, entry.options), section, path)
    if not checked:
        return None
    files = entry.constants.get("FILES", {})
    if checked.mirror and not files:
        problems.add((*path, "mirror"), f"data set {entry.name!r} downloads nothing; leave this key out")
    return Dataset(
        name=entry.name,
        options=_chosen(entry, checked),
        validation=checked.validation,
        split_seed=checked.split_seed,
        pad=entry.constants["PAD"] if checked.pad is None else checked.pad,
        flip=entry.constants["FLIP"] if checked.flip is None else checked.flip,
        files=files,
        mirror=(checked.mirror or entry.constants.get("MIRROR", "")).rstrip("/") if files else None,
    )


def _networks(
    problems: Problems, config: Mapping[str, Any], section: str, base: type[NetworkEntry], recipe: Recipe
) -> dict[str, Network]:
    found = {}
    for name, overrides in _items(config.get(section)):
        path = (section, name)
        entry, checked = _resolve(problems, catalog.architectures(), base, overrides, path, "architecture")
        if not checked:
            continue
        own = checked.model_dump(include=set(Recipe.model_fields), exclude_none=True)
        whole = problems.check(Recipe, {**recipe.model_dump(), **own}, path)
        if whole:
            found[name] = Network(
                name, entry.name, _chosen(entry, checked), whole, getattr(checked, "seed", None)
            )
    return found


def _methods(problems: Problems, config: Mapping[str, Any]) -> dict[str, Method]:
    found = {}
    for name, options in _items(config.get("methods")):
        path = ("methods", name)
        entry, checked = _resolve(problems, catalog.methods(), MethodEntry, options, path, "method")
        if checked:
            chosen = _chosen(entry, checked)
            _check_one_above_zero(problems, entry, chosen, path)
            found[name] = Method(name, [(entry.name, chosen)], entry.constants["NEEDS"])
    return found


def _check_one_above_zero(
    problems: Problems, entry: catalog.Entry, options: Mapping[str, Any], path: tuple
) -> None:
    weights = entry.constants.get("ONE_ABOVE_ZERO", ())
    if weights and not any(options[name] > 0 for name in weights):
        they = f"{' and '.join(weights)} are {'both' if len(weights) == 2 else 'all'} 0"
        problems.add(path, f"{they}, so nothing would be learnt; one of them must be above 0")


def _pairs(problems: Problems, config: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    names = {side: [name for name, _ in _items(config.get(side))] for side in ("teachers", "students")}
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


def _check_cacheable(problems: Problems, methods: dict[str, Method]) -> None:
    for method in methods.values():
        if not method.of_teacher <= {"logits"}:
            problems.add(
                ("targets",),
                f"'cached' stores logits only, but {method.name} needs more; allowed: auto, live",
            )
