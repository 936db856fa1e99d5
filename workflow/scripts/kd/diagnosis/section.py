"""`diagnostics:` of a config: what the pages about single networks show."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from kd.options import Natural, Positive


class Diagnostics(BaseModel):
    """What is looked at beside the numbers that are always there; a change trains nothing."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    temperatures: Annotated[tuple[Positive, ...], Field(min_length=1, max_length=6)] = Field(
        (1, 4, 16), description="at which the probabilities of teacher and student are drawn"
    )
    worst: Annotated[Natural, Field(le=200)] = Field(
        16, description="how many of the test images with the largest loss are shown"
    )
    cka: bool = Field(
        False,
        description="compare the stages of teacher and student (CKA), for which both run on test images",
    )
