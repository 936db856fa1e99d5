"""Short forms of a config's sections, and the full forms that they stand for.

methods: [kd, dkd]          methods: {kd: {}, dkd: {}}
teachers: resnet18          teachers: {resnet18: {}}
dataset: cifar100           dataset: {name: cifar100}
seeds: 3                    seeds: [0, 1, 2]
pairs: {a: b, c: [d, e]}    pairs: [[a, b], [c, d], [c, e]]
"""

from collections import Counter
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field

from kd.config.problems import Problems, shown
from kd.settings.types import Seed

MOST_SEEDS = 20  # that a number may stand for; a larger one is likely to be meant as the seed itself
NAMED = ("teachers", "students", "methods")  # sections whose entries have names
SeedsInFile = Annotated[list[Seed], Field(min_length=1)] | Annotated[int, Field(ge=1, le=MOST_SEEDS)]


def named(section: Any) -> Any:
    """A name, or a list of names and of {name: options}, as a mapping; all else as it is.

    A mistake in a list is raised as a ValidationError.
    """
    if isinstance(section, str):
        return {section: {}}
    if not isinstance(section, list | tuple):
        return section
    entries: list[tuple[Any, Any]] = []
    with Problems() as problems:
        for index, item in enumerate(section):
            if isinstance(item, Mapping) and len(item) == 1:
                entries.extend(item.items())
            elif isinstance(item, str):
                entries.append((item, {}))
            else:
                problems.add((index,), f"should be a name, or {{name: options}} (it is {shown(item)})")
        for name, count in Counter(str(name) for name, _ in entries).items():
            if count > 1:
                problems.add(
                    (), f"{shown(name, str)} is repeated; list it once, or give each a name of its own"
                )
    return dict(entries)


def dataset(section: Any) -> Any:
    """The name of a data set as a mapping; all else as it is. A path is raised as a ValidationError."""
    if not isinstance(section, str):
        return section
    with Problems() as problems:
        if "/" in section or section.startswith("~"):
            problems.add(
                (), f"{shown(section)} is a path; write dataset: {{name: image_folder, path: {section}}}"
            )
    return {"name": section}


def seeds(value: Any) -> Any:
    """A number of seeds as a list of them, from 0 on; all else as it is.

    One that is not 1 to MOST_SEEDS is raised as a ValidationError.
    """
    if isinstance(value, bool) or not isinstance(value, int):
        return value
    with Problems() as problems:
        if not 1 <= value <= MOST_SEEDS:
            many = f"a number of seeds should be 1 to {MOST_SEEDS}, and stands for 0, 1, 2, …"
            problems.add((), f"{many}; write [{shown(value)}] for this one seed")
    return list(range(value))


def pairs(value: Any) -> Any:
    """A mapping of teachers to a student, or to a list of students, as a list of pairs; all else as it is."""
    if not isinstance(value, Mapping):
        return value
    return [
        (teacher, student)
        for teacher, students in value.items()
        for student in (students if isinstance(students, list | tuple) else [students])
    ]


def full(config: Mapping[str, Any]) -> dict[str, Any]:
    """A config whose sections are mappings, where they are right, so that others can be merged into them."""
    readers = dict.fromkeys(NAMED, named) | {"dataset": dataset}
    return {key: readers[key](section) if key in readers else section for key, section in config.items()}
