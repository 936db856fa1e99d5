"""The section `sweep:` of a config: each entry becomes a sweep, and the method that takes what it selects."""

import math
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, ValidationInfo

from kd import registry
from kd.config import shorthand
from kd.config.method.sums import check_one_above_zero
from kd.config.methods import NamedEntry
from kd.config.plugins import entries, options_of, resolve
from kd.config.problems import Problems
from kd.config.ranges import ListOrRange, Range
from kd.config.study.methods import Method
from kd.config.study.networks import Network
from kd.settings.recipe import Recipe
from kd.settings.types import Seed, Trials
from kd.sweep.trials import Axis, Sweep, Values, drawn, grid
from kd.sweep.values import LENGTH, RECIPE

OPTIMIZER = f"{RECIPE}optimizer"
MOST = 10_000  # trials; more are a slip


class SweepEntry(NamedEntry):
    """A method whose best values are searched: these keys, and the options that stay fixed."""

    over: Annotated[dict[str, ListOrRange], Field(min_length=1)] = Field(
        description="an option of the method, or recipe.<key>: a list of values, or low, high, log, steps"
    )
    search: Literal["grid", "random", "halving"] = Field(
        "grid",
        description="grid: every combination; random: some, drawn at random; halving: these for few epochs,"
        " then the best third for three times as many, until some have all",
    )
    trials: Trials | None = Field(None, description="random and halving: how many are drawn")
    seeds: (
        Annotated[
            list[Seed],
            Field(min_length=1),
            BeforeValidator(shorthand.seeds, json_schema_input_type=shorthand.SeedsInFile),
        ]
        | None
    ) = Field(None, description="every trial is run with each; default: the study's")
    search_seed: Seed = Field(0, description="random and halving: seed of the draw")


def _read(problems: Problems, name: str, content: Any, info: ValidationInfo) -> tuple[Sweep, Method] | None:
    """The sweep, and the method of its name without the values that are swept; None where none is valid."""
    if name in info.context.written["methods"]:
        problems.add((), "this name is in methods already; choose another, and say `method:` below it")
    entry, checked = resolve(problems, registry.find_method, SweepEntry, content, "method", name)
    students = list(info.context.valid["students"].values())
    if (dataset := info.data.get("dataset")) and not dataset.validation:
        text = "a sweep selects values on the validation split, and dataset.validation: 0 leaves none; set"
        problems.add((), f"{text} dataset.validation above 0, or leave the sweep out")
    _check_keys(problems, checked, content)
    fixed = {key: value for key, value in options_of(entry, checked).items() if key not in checked.over}
    trials = [
        _trial(problems, entry, fixed, values, students) for values in _enumerate(problems, entry, checked)
    ]
    if not trials or None in trials:
        return None
    schedules = {values.get(f"{RECIPE}schedule") for values in trials}
    schedules |= {student.recipe.schedule for student in students}
    halving = checked.search == "halving"
    if halving and "multi_step" in schedules:
        text = "halving begins with few epochs, and milestones would not shrink with them; use grid or random"
        problems.add(("search",), text)
    if halving and any(_warm_up(student, values) for student in students for values in trials):
        text = "halving begins with few epochs, and warm-up would not shrink with them; use grid or random"
        problems.add(("search",), text)
    method = Method(name, [(entry.name, fixed)], tuple(sorted(entry.constants["NEEDS"])))
    log = tuple(key for key, values in checked.over.items() if isinstance(values, Range) and values.log)
    # Rounding and short lists may give the same values again.
    unlike = {str(values): values for values in trials}.values()
    return Sweep(name, tuple(checked.over), log, tuple(unlike), tuple(checked.seeds or ()), halving), method


def _warm_up(student: Network, values: Values) -> float:
    return values.get(f"{RECIPE}warmup_epochs", student.recipe.warmup_epochs)


def _check_keys(problems: Problems, checked: SweepEntry, content: Mapping[str, Any]) -> None:
    for key in checked.over:
        if key in content:
            problems.add((key,), "is swept by over; leave it out here")
    if LENGTH in checked.over:
        text = "stored targets depend on the length of a training, so it is not swept"
        problems.add(("over", LENGTH), text)
    if OPTIMIZER in checked.over:
        text = "other keys have other values with another optimizer; compare two students of one architecture"
        problems.add(("over", OPTIMIZER), text)
    if checked.seeds and len(set(checked.seeds)) < len(checked.seeds):
        problems.add(("seeds",), "each may be there once")


def _enumerate(problems: Problems, entry: registry.Entry, checked: SweepEntry) -> list[Values]:
    """The values of each trial, not checked yet; none after a mistake, which is reported."""
    axes = [_axis(entry, key, values) for key, values in checked.over.items()]
    if checked.search != "grid":
        if not checked.trials:
            problems.add(("trials",), f"this key is required by search: {checked.search}")
        return list(drawn(axes, checked.trials or 0, checked.search_seed))
    if checked.trials:
        problems.add(("trials",), "goes with search: random or halving; a grid tries every combination")
    endless = [axis.key for axis in axes if not axis.listed and not axis.steps]
    for key in endless:
        problems.add(("over", key, "steps"), "this key is required by search: grid")
    if endless or checked.trials:
        return []
    count = math.prod(len(axis.points()) for axis in axes)
    if count > MOST:
        problems.add(("over",), f"these are {count} combinations; at most {MOST} are tried")
        return []
    return list(grid(axes))


def _axis(entry: registry.Entry, key: str, values: list[Any] | Range) -> Axis:
    if not isinstance(values, Range):
        return Axis(key, tuple(values))
    model = Recipe if key.startswith(RECIPE) else entry.options
    option = model.model_fields.get(key.removeprefix(RECIPE))
    whole = bool(option) and option.annotation is int
    return Axis(key, whole=whole, **values.model_dump(exclude_none=True))


def _trial(
    problems: Problems, entry: registry.Entry, fixed: Values, values: Values, students: Iterable[Network]
) -> Values | None:
    """A trial with its values as the method and the recipe take them; None after a mistake."""
    own = {key: value for key, value in values.items() if not key.startswith(RECIPE)}
    recipe = {key.removeprefix(RECIPE): values[key] for key in values.keys() - own.keys()}
    options = problems.check(entry.options, {**fixed, **own}, ("over",))
    recipes = [
        problems.check(Recipe, {**student.recipe.model_dump(), **recipe}, ("over", "recipe"))
        for student in students
    ]
    if not options or not all(recipes) or not recipes:
        return None
    checked = options.model_dump(mode="json")
    check_one_above_zero(problems, entry, checked, ("over",))
    checked |= {f"{RECIPE}{key}": value for key, value in recipes[0].model_dump(mode="json").items()}
    return {key: checked[key] for key in values}


SweepSection = entries(tuple[Sweep, Method], SweepEntry, _read, optional=True)
