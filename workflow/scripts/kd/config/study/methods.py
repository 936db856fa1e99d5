"""A distillation method of a study, and the chain of networks that it trains."""

from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from kd.config.study.networks import Pair


def chain_name(chain: tuple[str, ...]) -> str:
    """A chain in a path: "middle+cnn.2" is middle, cnn, cnn; no name holds either sign."""
    groups = [(name, len(list(again))) for name, again in groupby(chain)]
    return "+".join(name if count == 1 else f"{name}.{count}" for name, count in groups)


def chain_of(name: str) -> tuple[str, ...]:
    """The chain that a path names."""
    groups = (part.partition(".") for part in name.split("+"))
    return tuple(network for network, _, count in groups for _ in range(int(count or 1)))


@dataclass(frozen=True)
class Method:
    """A distillation method under the name that it has in the study."""

    name: str
    parts: list[tuple[str, dict[str, Any]]]  # the methods of the code that add up in it, with their options
    needs: tuple[str, ...]  # see kd.distillation.base.Distillation
    via: tuple[str, ...] = ()  # networks between the teacher and the student
    generations: int = 1  # of the student
    pairs: tuple[Pair, ...] = ()  # the only ones that it is run with; none: all of the study
    # The parts of a network that learns from another, where they differ from `parts` in an option.
    by_pair: dict[Pair, list[tuple[str, dict[str, Any]]]] = field(default_factory=dict)

    def parts_of(self, teacher: str, student: str) -> list[tuple[str, dict[str, Any]]]:
        """The parts with the options of this student, where it learns from this network."""
        return self.by_pair.get((teacher, student), self.parts)

    def chain(self, student: str) -> tuple[str, ...]:
        """Networks trained in between: the first distilled from the teacher, the next from the one before."""
        return (*self.via, *(student,) * (self.generations - 1))

    @property
    def of_teacher(self) -> set[str]:
        """What it needs of a teacher."""
        return set(self.needs) - {"own_stages"}
