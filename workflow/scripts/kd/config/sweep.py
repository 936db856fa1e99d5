"""The section `sweep:` of a config: each entry becomes a sweep, and the method that takes what it chooses."""

import math
from collections.abc import Iterable, Mapping
from typing import Any

from kd import registry
from kd.config.methods import check_one_above_zero
from kd.config.plugins import items, options_of, resolve
from kd.config.problems import Problems
from kd.config.study import Method, Network, Sweep
from kd.config.sweep_entry import Range, SweepEntry
from kd.settings.recipe import Recipe
from kd.sweep.trials import Axis, Values, drawn, grid
from kd.sweep.values import LENGTH, RECIPE

MOST = 10_000  # trials; more are a slip


def sweeps_of(
    problems: Problems, config: Mapping[str, Any], students: Mapping[str, Network], seeds: tuple[int, ...]
) -> dict[str, tuple[Sweep, Method]]:
    """The sweeps of a config that are right, with their methods; the others are reported."""
    found = {}
    for name, section in items(config.get("sweep")):
        path = ("sweep", name)
        if name in dict(items(config.get("methods"))):
            problems.add(path, "this name is in methods already; choose another, and say `method:` below it")
        entry, checked = resolve(problems, registry.methods(), SweepEntry, section, path, "method")
        if not checked:
            continue
        _check_keys(problems, checked, section, path)
        fixed = {key: value for key, value in options_of(entry, checked).items() if key not in checked.over}
        raw = _enumerate(problems, entry, checked, path)
        trials = [_check(problems, entry, fixed, values, students, path) for values in raw]
        if not trials or None in trials:
            continue
        halving = checked.search == "halving"
        if halving:
            _check_milestones(problems, trials, students, path)
        method = Method(name, [(entry.name, fixed)], tuple(sorted(entry.constants["NEEDS"])))
        log = tuple(key for key, given in checked.over.items() if isinstance(given, Range) and given.log)
        own = tuple(checked.seeds) if checked.seeds else seeds
        found[name] = Sweep(name, tuple(checked.over), log, tuple(_unlike(trials)), own, halving), method
    return found


def _check_keys(problems: Problems, checked: SweepEntry, section: Mapping[str, Any], path: tuple) -> None:
    for key in checked.over:
        if key in section:
            problems.add((*path, key), "is swept by over; leave it out here")
    if LENGTH in checked.over:
        text = "stored targets depend on the length of a training, so it is not swept"
        problems.add((*path, "over", LENGTH), text)
    if checked.seeds and len(set(checked.seeds)) < len(checked.seeds):
        problems.add((*path, "seeds"), "each may be there once")


def _enumerate(problems: Problems, entry: registry.Entry, checked: SweepEntry, path: tuple) -> list[Values]:
    """The trials as they are asked for; none after a mistake, which is reported."""
    before = len(problems.lines)
    axes = [_axis(entry, key, given) for key, given in checked.over.items()]
    if checked.search != "grid":
        if not checked.trials:
            problems.add((*path, "trials"), f"this key is required by search: {checked.search}")
        return list(drawn(axes, checked.trials or 0, checked.search_seed))
    if checked.trials:
        problems.add((*path, "trials"), "goes with search: random or halving; a grid tries every combination")
    for axis in axes:
        if not axis.listed and not axis.steps:
            problems.add((*path, "over", axis.key, "steps"), "this key is required by search: grid")
    if len(problems.lines) > before:
        return []
    count = math.prod(len(axis.points()) for axis in axes)
    if count > MOST:
        problems.add((*path, "over"), f"these are {count} combinations; at most {MOST} are tried")
        return []
    return list(grid(axes))


def _axis(entry: registry.Entry, key: str, given: Any) -> Axis:
    if not isinstance(given, Range):
        return Axis(key, listed=tuple(given))
    model = Recipe if key.startswith(RECIPE) else entry.options
    field = model.model_fields.get(key.removeprefix(RECIPE))
    whole = bool(field) and field.annotation is int
    return Axis(key, (), given.low, given.high, given.log, given.steps or 0, whole)


def _check(
    problems: Problems,
    entry: registry.Entry,
    fixed: Mapping[str, Any],
    values: Values,
    students: Mapping[str, Network],
    path: tuple,
) -> Values | None:
    """A trial with its values as the method and the recipe take them; None after a mistake."""
    path = (*path, "over")
    own = {key: value for key, value in values.items() if not key.startswith(RECIPE)}
    recipe = {key.removeprefix(RECIPE): values[key] for key in values.keys() - own.keys()}
    options = problems.check(entry.options, {**fixed, **own}, path)
    recipes = [
        problems.check(Recipe, {**student.recipe.model_dump(), **recipe}, (*path, "recipe"))
        for student in students.values()
    ]
    if not options or not all(recipes) or not recipes:
        return None
    taken = options.model_dump(mode="json")
    check_one_above_zero(problems, entry, taken, path)
    taken |= {f"{RECIPE}{key}": value for key, value in recipes[0].model_dump(mode="json").items()}
    return {key: taken[key] for key in values}


def _unlike(trials: Iterable[Values]) -> list[Values]:
    """Each once: rounding and short lists may give the same values again."""
    return list({str(values): values for values in trials}.values())


def _check_milestones(
    problems: Problems, trials: Iterable[Values], students: Mapping[str, Network], path: tuple
) -> None:
    schedules = {student.recipe.schedule for student in students.values()}
    schedules |= {values.get(f"{RECIPE}schedule") for values in trials}
    if "multi_step" in schedules:
        text = "halving begins with few epochs, and milestones would not shrink with them; use grid or random"
        problems.add((*path, "search"), text)
