"""The keys of `dataset:` that say how training images are augmented."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, PlainValidator

from kd.settings.types import (
    Concentration,
    NonNegative,
    Operations,
    Padding,
    Probability,
    Share,
    Square,
    Strength,
    Turn,
    Versions,
)


class Jitter(BaseModel):
    """Most change of each property: of the first three a factor of 1 ± this, of the hue a turn of ± this."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    brightness: NonNegative = Field(0.0, description="0.4: factors from 0.6 to 1.4")
    contrast: NonNegative = Field(0.0, description="0.4: factors from 0.6 to 1.4")
    saturation: NonNegative = Field(0.0, description="0.4: factors from 0.6 to 1.4")
    hue: Turn = Field(0.0, description="share of the colour circle")


class RandAugment(BaseModel):
    """How many operations are done to an image, and how strongly."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    operations: Operations = Field(2, description="one after the other")
    magnitude: Strength = Field(9, description="0 to 30")


def _jitter(value: Any) -> Any:
    """A number stands for that much brightness, contrast and saturation."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return dict.fromkeys(("brightness", "contrast", "saturation"), value)
    return value


def _switch(value: Any) -> Any:
    """`randaugment:` with nothing behind it, and true, mean: all defaults."""
    return {} if value in (None, True) else None if value is False else value


def _flip(value: Any) -> bool | str:
    if isinstance(value, bool) or value == "alternate":
        return value
    raise ValueError("should be true, false or alternate")


def _rising(area: tuple[float, float]) -> tuple[float, float]:
    if area[0] >= area[1]:
        raise ValueError("the least share must be below the most")
    return area


Area = Annotated[tuple[Share, Share], AfterValidator(_rising)]
Flip = Annotated[bool | str, PlainValidator(_flip, json_schema_input_type=bool | Literal["alternate"])]


class AugmentationEntry(BaseModel):
    """These keys."""

    pad: Padding | None = Field(
        None, description="pixels of padding before the random crop; default: the data set's own"
    )
    pad_mode: Literal["zeros", "reflect"] = Field(
        "zeros", description="what padding shows: zeros, or the image reflected at its border"
    )
    flip: Flip | None = Field(
        None,
        description="mirror images at random; alternate: in every other epoch; default: the data set's own",
    )
    crop_area: Area | None = Field(
        None,
        description="[least, most] share of an image that a random crop has before it is resized, instead of"
        " padded crops",
    )
    colour_jitter: Annotated[
        Jitter | None, BeforeValidator(_jitter, json_schema_input_type=NonNegative | Jitter | None)
    ] = Field(
        None, description="random brightness, contrast, saturation and hue; a number: of the first three"
    )
    randaugment: Annotated[
        RandAugment | None, BeforeValidator(_switch, json_schema_input_type=bool | RandAugment | None)
    ] = Field(None, description="random operations of one strength (Cubuk et al. 2019)")
    trivial_augment: bool = Field(
        False, description="one random operation of random strength (Müller & Hutter 2021)"
    )
    erase: Probability = Field(
        0.0, description="probability that a random rectangle is erased (Zhong et al. 2017)"
    )
    cutout: Square = Field(0, description="pixels a side of a square that is erased (DeVries & Taylor 2017)")
    mixup: Concentration = Field(
        0.0, description="mix two images; alpha of the share's distribution (Zhang et al. 2017)"
    )
    cutmix: Concentration = Field(
        0.0,
        description="put a box of another image in (Yun et al. 2019); beside mixup: one of both by chance",
    )
    views: Versions | None = Field(
        None,
        description="that many versions of each image, which all seeds and epochs share, so that a teacher's"
        " logits can be stored for any augmentation",
    )
