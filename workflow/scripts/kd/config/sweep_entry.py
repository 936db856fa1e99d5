"""The shape of `sweep:` in a config: which values of which keys are tried, and how they are looked for."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, model_validator

from kd.settings.types import Name, Number, Seed, Steps, Trials


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


# By what is given, not by trying both: a wrong range is then told as a range. Tags stand in no message.
Values = Annotated[
    Annotated[Annotated[list[Any], Field(min_length=1)], Tag("[list]")] | Annotated[Range, Tag("[range]")],
    Discriminator(lambda value: "[range]" if isinstance(value, dict | Range) else "[list]"),
]


class SweepEntry(BaseModel):
    """A method whose best values are looked for; its options that stay fixed stand beside these keys."""

    model_config = ConfigDict(extra="allow", frozen=True)

    method: Name | None = Field(
        None, description="a file of workflow/scripts/kd/methods/; default: the entry's own name"
    )
    over: Annotated[dict[str, Values], Field(min_length=1)] = Field(
        description="an option of the method, or recipe.<key>: a list of values, or low, high, log, steps"
    )
    search: Literal["grid", "random", "halving"] = Field(
        "grid",
        description="every combination; some drawn at random; or these for few epochs, and a third of them"
        " for three times as many, until some have all",
    )
    trials: Trials | None = Field(None, description="random and halving: how many are drawn")
    seeds: Annotated[list[Seed], Field(min_length=1)] | None = Field(
        None, description="every trial is run with each; default: the study's"
    )
    search_seed: Seed = Field(0, description="random and halving: which are drawn")
