"""Types of the values in a config, shared by its models and by what plug-ins declare.

Architectures, methods and data sets name these types in their signatures; the registry reads them
there without importing the file (see registry.py), so no torch here.
"""

import re
from collections import Counter
from collections.abc import Iterable
from typing import Annotated, Any
from typing import Literal as Literal  # one of several words; plug-ins import it from typing itself

from pydantic import AfterValidator, BeforeValidator, Discriminator, Field, Tag

_ADDRESS = r"^https?://[^\s/]\S*$"
MILLION = 1_000_000  # more of anything is a slip, and would show only when memory or time has run out


def _refuse_bool(value: Any) -> Any:
    """Python counts True as 1, so pydantic would take `epochs: yes` for one epoch."""
    if isinstance(value, bool):
        raise ValueError("should be a number, not true or false")
    return value


def _refuse_other_addresses(value: Any) -> Any:
    """With a sentence of its own: pydantic's would show the pattern."""
    if isinstance(value, str) and not re.fullmatch(_ADDRESS, value):
        raise ValueError("should be an address that begins with https:// or http://")
    return value


def repeated(texts: Iterable[str]) -> list[str]:
    """Those that are there more than once, in order."""
    return sorted(text for text, count in Counter(texts).items() if count > 1)


def _refuse_repeats(values: tuple[str, ...]) -> tuple[str, ...]:
    if twice := repeated(values):
        raise ValueError(f"{', '.join(twice)} is repeated; list it once")
    return values


_Number = BeforeValidator(_refuse_bool)  # stands last: bounds before it reach the JSON schema, others do not
_Web = BeforeValidator(_refuse_other_addresses)

Text = Annotated[str, Field(min_length=1, max_length=200)]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$", max_length=64)]  # becomes a folder
Architecture = Annotated[
    str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*(/[A-Za-z0-9][A-Za-z0-9_.-]*)?$", max_length=128)
]  # a name, or that of a library, "/", and a name there
Count = Annotated[int, Field(ge=1, le=MILLION), _Number]
Natural = Annotated[int, Field(ge=0, le=MILLION), _Number]
BatchSize = Annotated[int, Field(ge=2, le=MILLION), _Number]  # batch norm needs two
Poolings = Literal[3, 4, 5]  # of a VGG network
Threads = Annotated[int, Field(ge=1, le=1024), _Number]
# By the type of the value, so that a wrong number is reported as a number. Tags stand in no message.
ThreadsOrAuto = Annotated[
    Annotated[Threads, Tag("[number]")] | Annotated[Literal["auto"], Tag("[word]")],
    Discriminator(lambda value: "[word]" if isinstance(value, str) else "[number]"),
]
Gpus = Annotated[int, Field(ge=1, le=64), _Number]
Versions = Annotated[int, Field(ge=1, le=10_000), _Number]  # of an image
Operations = Annotated[int, Field(ge=1, le=20), _Number]
Strength = Annotated[int, Field(ge=0, le=30), _Number]  # of an augmentation
Square = Annotated[int, Field(ge=0, le=512), _Number]  # pixels a side; 0: none
Padding = Annotated[int, Field(ge=0, le=32), _Number]  # pixels on each side
Generations = Annotated[int, Field(ge=1, le=20), _Number]
Steps = Annotated[int, Field(ge=2, le=1000), _Number]
Trials = Annotated[int, Field(ge=1, le=10_000), _Number]
Counts = Annotated[tuple[Count, ...], Field(min_length=1)]
Seed = Annotated[int, Field(ge=0, lt=2**31), _Number]
Number = Annotated[float, Field(ge=-MILLION, le=MILLION, allow_inf_nan=False), _Number]
Positive = Annotated[float, Field(gt=0, le=MILLION, allow_inf_nan=False), _Number]
Positives = Annotated[tuple[Positive, ...], Field(min_length=1)]
NonNegative = Annotated[float, Field(ge=0, le=MILLION, allow_inf_nan=False), _Number]
Concentration = Annotated[float, Field(ge=0, le=100), _Number]  # alpha of Beta(alpha, alpha); 0: off
Turn = Annotated[float, Field(ge=0, le=0.5), _Number]  # share of a circle
Momentum = Annotated[float, Field(ge=0, lt=1), _Number]
Betas = tuple[Momentum, Momentum]
Smoothing = Annotated[float, Field(ge=0, lt=1), _Number]
Share = Annotated[float, Field(gt=0, le=1), _Number]
Probability = Annotated[float, Field(ge=0, le=1), _Number]
Fraction = Annotated[float, Field(gt=0, lt=1), _Number]
HeldOut = Annotated[float, Field(ge=0, lt=1), _Number]  # a fraction, or 0 for none
ImageSize = Annotated[int, Field(ge=8, le=512), _Number]  # pixels a side
Tolerance = Annotated[float, Field(ge=0, lt=1), _Number]  # a share
Connections = Annotated[int, Field(ge=1, le=32), _Number]  # to one server at a time
Texts = Annotated[tuple[Text, ...], Field(min_length=2), AfterValidator(_refuse_repeats)]
FilePath = Annotated[str, Field(min_length=1, max_length=4096)]
Address = Annotated[str, Field(pattern=_ADDRESS), _Web]
Width = Annotated[float, Field(gt=0, le=16), _Number]  # multiplies every channel count of a network
