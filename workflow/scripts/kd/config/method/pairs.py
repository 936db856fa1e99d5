"""The key `pairs:` of a config and of a method: which teacher is distilled into which student."""

from collections.abc import Iterable
from typing import Annotated, Any, Literal

from pydantic import Field, PlainValidator, ValidationInfo

from kd.config import shorthand
from kd.config.problems import Problems, shown
from kd.errors import did_you_mean
from kd.settings.types import repeated

_Pair = tuple[str, str]  # any text, not a Name: one that is neither teacher nor student is reported as that
PairsInFile = Literal["all"] | Annotated[list[_Pair], Field(min_length=1)] | dict[str, str | list[str]]


def read_pairs(value: Any, info: ValidationInfo) -> tuple[_Pair, ...]:
    """The pairs of (teacher, student) that a key names, whose mistakes are raised as a ValidationError."""
    sides = {side: list(info.context.written[side]) for side in ("teachers", "students")}
    if value == "all":
        return tuple((teacher, student) for teacher in sides["teachers"] for student in sides["students"])
    value = shorthand.pairs(value)
    pairs = list(enumerate(value)) if isinstance(value, list | tuple) else []
    right = [(index, tuple(pair)) for index, pair in pairs if _is_a_pair(pair)]
    with Problems() as problems:
        if not pairs or len(right) < len(pairs):
            problems.add((), f"should be 'all' or a list of [teacher, student] (it is {shown(value)})")
        for index, pair in right:
            for (side, names), name in zip(sides.items(), pair, strict=True):
                if name not in names:
                    hint = f"{did_you_mean(name, names)}; allowed: {', '.join(names)}"
                    problems.add((index,), f"{name!r} is not in {side}{hint}")
        refuse_repeats(problems, [list(pair) for _, pair in right])
    return tuple(pair for _, pair in right)


def _is_a_pair(value: Any) -> bool:
    return (
        isinstance(value, list | tuple) and len(value) == 2 and all(isinstance(name, str) for name in value)
    )


def refuse_repeats(problems: Problems, values: Iterable[Any]) -> None:
    """Report what is in a list more than once."""
    for text in repeated(map(str, values)):
        problems.add((), f"{text} is repeated; list it once")


Pairs = Annotated[tuple[_Pair, ...], PlainValidator(read_pairs, json_schema_input_type=PairsInFile)]
