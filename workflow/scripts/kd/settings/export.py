"""`export:` of a config: what the folders hold in which students are shipped."""

from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from kd.settings.licences import OTHER, UNKNOWN, checked
from kd.settings.types import Address, BatchSize, Count, Name, Text


class Export(BaseModel):
    """What `snakemake --cores 4 export` makes. A change makes the exports again, and nothing else."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    int8: bool = Field(True, description="a quantised ONNX file beside the others, with its accuracy")
    calibration: Count = Field(256, description="training images that the ranges of int8 are taken from")
    images: Count = Field(2000, description="test images that all files are compared on, at most")
    batch: BatchSize = Field(32, description="images of the second latency; the first is of one image")
    licence: Annotated[Text, AfterValidator(checked)] = Field(
        UNKNOWN, description="of the weights, as the Hugging Face Hub names licences: mit"
    )
    licence_name: Name | None = Field(None, description="what it is called, where licence is other")
    licence_link: Address | None = Field(None, description="and where it can be read")

    @model_validator(mode="after")
    def _other_is_named(self) -> Self:
        named = [name for name in ("licence_name", "licence_link") if getattr(self, name)]
        if self.licence == OTHER and len(named) < 2:
            raise ValueError(f"licence: {OTHER} needs licence_name and licence_link")
        if self.licence != OTHER and named:
            raise ValueError(f"{named[0]} goes with licence: {OTHER} alone")
        return self
