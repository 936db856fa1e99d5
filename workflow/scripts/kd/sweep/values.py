"""Values of a sweep, put into the job that is to run with them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kd.io.files import not_whole, read_json
from kd.jobs.training import TrainJob
from kd.settings.recipe import Recipe

LENGTH = "recipe.epochs"  # of a trial; it is not swept
RECIPE = "recipe."  # begins a key of the recipe; others are options of the method


def with_values(job: TrainJob, values: Mapping[str, Any]) -> TrainJob:
    """The job with these values in its recipe and in the options of its method."""
    recipe = {key.removeprefix(RECIPE): value for key, value in values.items() if key.startswith(RECIPE)}
    options = {key: value for key, value in values.items() if not key.startswith(RECIPE)}
    (name, fixed), *others = job.methods
    changed = {
        "recipe": Recipe.model_validate({**job.recipe.model_dump(), **recipe}),
        "methods": [(name, {**fixed, **options}), *others],
    }
    return job.model_copy(update=changed)


def read_values(chosen: Path) -> dict[str, Any]:
    """The values in a file that a sweep wrote; UserError if it is not whole."""
    values = read_json(chosen)
    if not isinstance(values, dict):
        raise not_whole(chosen, "no mapping of values")
    return values


def named(values: Mapping[str, Any]) -> str:
    """`temperature=4, recipe.lr=0.05`: as tables, logs and plots write the values."""
    return ", ".join(
        f"{key}={value:g}" if _is_number(value) else f"{key}={value}" for key, value in values.items()
    )


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
