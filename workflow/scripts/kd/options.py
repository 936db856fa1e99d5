"""Types of the values in a config, shared by its models and by what plug-ins declare.

Architectures, methods and data sets name these types in their signatures; the catalog reads them
there without importing the file (see catalog.py), so no torch here.
"""

from typing import Annotated, Any

from pydantic import BeforeValidator, Field


def _refuse_bool(value: Any) -> Any:
    """Python counts True as 1, so pydantic would take `epochs: yes` for one epoch."""
    if isinstance(value, bool):
        raise ValueError("should be a number, not true or false")
    return value


_Number = BeforeValidator(_refuse_bool)

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$", max_length=64)]  # becomes a folder
Count = Annotated[int, _Number, Field(ge=1)]
Counts = Annotated[tuple[Count, ...], Field(min_length=1)]
NonNegativeInt = Annotated[int, _Number, Field(ge=0)]
Seed = Annotated[int, _Number, Field(ge=0, lt=2**31)]
Positive = Annotated[float, _Number, Field(gt=0, le=1e6, allow_inf_nan=False)]
NonNegative = Annotated[float, _Number, Field(ge=0, le=1e6, allow_inf_nan=False)]
Fraction = Annotated[float, _Number, Field(gt=0, lt=1)]
ImageSize = Annotated[int, _Number, Field(ge=8, le=512)]  # pixels a side
Width = Annotated[float, _Number, Field(gt=0, le=16)]  # multiplies every channel count of a network
