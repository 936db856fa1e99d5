"""The networks of a study, and pairs of their names."""

from dataclasses import dataclass
from typing import Any

from kd.settings.recipe import Recipe

Pair = tuple[str, str]  # names of a teacher and a student
NO_TEACHER = "_none"  # in the place of a teacher's name, which never starts with "_"


@dataclass(frozen=True)
class Network:
    """A teacher or a student: an architecture, its options and its own complete recipe."""

    name: str
    architecture: str
    options: dict[str, Any]
    recipe: Recipe
    seed: int | None = None  # of a teacher; students take the study's


@dataclass(frozen=True)
class Ensemble:
    """A teacher that is made of others."""

    name: str
    members: tuple[str, ...]
    weights: tuple[float, ...]


@dataclass(frozen=True)
class External:
    """A teacher whose weights are the user's."""

    name: str
    architecture: str
    options: dict[str, Any]
    file: str
    mean: tuple[float, ...] = ()  # of its own training, per channel; those of the data set where it is empty
    std: tuple[float, ...] = ()
