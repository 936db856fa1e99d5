"""`diagnostics:` of a config: what the error analysis of each network shows."""

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from kd.settings.types import Fraction, Natural, Positives

PICTURES, CHARTS = 200, 6  # at most; a page of more could not be read


def _few_pictures(count: int) -> int:
    if count > PICTURES:
        raise ValueError(f"should be less than or equal to {PICTURES}")
    return count


def _few_charts(temperatures: tuple[float, ...]) -> tuple[float, ...]:
    if len(temperatures) > CHARTS:
        raise ValueError(f"should have at most {CHARTS} entries")
    return temperatures


class Diagnostics(BaseModel):
    """What the error analysis of each network shows; a change trains nothing."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    temperatures: Annotated[Positives, AfterValidator(_few_charts)] = Field(
        (1, 4, 16),
        description="temperatures at which the soft targets of teacher and student are drawn",
        json_schema_extra={"maxItems": CHARTS},
    )
    worst: Annotated[Natural, AfterValidator(_few_pictures)] = Field(
        16,
        description="number of test images with the highest loss that are shown",
        json_schema_extra={"maximum": PICTURES},
    )
    target_accuracy: Fraction = Field(
        0.99,
        description="accuracy that predictions above the rejection threshold have on the validation split",
    )
    cka: bool = Field(
        False,
        description="compare the feature maps of teacher and student (CKA); both then run on test images",
    )
