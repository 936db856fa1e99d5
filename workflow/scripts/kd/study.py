"""A study as the workflow sees it: checked, with every default filled in and every name resolved."""

from dataclasses import dataclass
from typing import Any

from kd.compute import Compute
from kd.recipe import Recipe

NO_TEACHER = "_none"  # in the place of a teacher's name, which never begins so


@dataclass(frozen=True)
class Dataset:
    """What the data jobs are told."""

    name: str
    options: dict[str, Any]
    validation: float
    split_seed: int
    pad: int
    flip: bool
    files: dict[str, str]  # name -> SHA-256 of what has to be downloaded
    mirror: str | None


@dataclass(frozen=True)
class Network:
    """A teacher or a student: an architecture, its options and its own complete recipe."""

    name: str
    architecture: str
    options: dict[str, Any]
    recipe: Recipe
    seed: int | None = None  # of a teacher; students take the study's


@dataclass(frozen=True)
class Method:
    """A distillation method under the name that the study gives it."""

    name: str
    parts: list[tuple[str, dict[str, Any]]]  # the methods of the code that add up in it, with their options
    needs: tuple[str, ...]  # see kd.contract.Distillation

    @property
    def of_teacher(self) -> set[str]:
        """What it asks of a teacher."""
        return set(self.needs) & {"logits", "stages", "network"}


@dataclass(frozen=True)
class Study:
    """A whole, valid study."""

    name: str
    dataset: Dataset
    teachers: dict[str, Network]
    students: dict[str, Network]
    pairs: tuple[tuple[str, str], ...]
    methods: dict[str, Method]
    seeds: tuple[int, ...]
    targets: str
    compute: Compute

    def couples(self, method: str) -> tuple[tuple[str, str], ...]:
        """Who teaches whom by this method. What needs no teacher is trained once, and not once for each."""
        if self.methods[method].of_teacher:
            return self.pairs
        return tuple(dict.fromkeys((NO_TEACHER, student) for _, student in self.pairs))

    def caches(self, method: str) -> bool:
        """Whether students of this method read stored logits instead of running the teacher."""
        return self.targets != "live" and self.methods[method].of_teacher == {"logits"}
