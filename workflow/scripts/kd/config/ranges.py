"""The values of a key that is swept, as a config gives them: a list, or a range."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, model_validator

from kd.settings.types import Number, Steps


class Range(BaseModel):
    """Values between two bounds, both included."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    low: Number = Field(description="the least value")
    high: Number = Field(description="the greatest value")
    log: bool = Field(False, description="spread evenly over orders of magnitude")
    steps: Steps | None = Field(None, description="how many values a grid takes of it, the bounds among them")

    @model_validator(mode="after")
    def _check_bounds(self) -> "Range":
        if self.low >= self.high:
            raise ValueError(f"low must be below high ({self.high:g})")
        if self.log and self.low <= 0:
            raise ValueError("log needs a low above 0")
        return self


# By the type of the value, not by trying both: a wrong range is then reported as a range. Tags stand in no
# message.
ListOrRange = Annotated[
    Annotated[Annotated[list[Any], Field(min_length=1)], Tag("[list]")] | Annotated[Range, Tag("[range]")],
    Discriminator(lambda value: "[range]" if isinstance(value, dict | Range) else "[list]"),
]
