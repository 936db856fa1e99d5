"""`export:` of a config: what the folders hold in which students are shipped."""

from pydantic import BaseModel, ConfigDict, Field

from kd.options import BatchSize, Count, Text


class Export(BaseModel):
    """What `snakemake --cores 4 export` makes. A change makes the exports again, and nothing else."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    int8: bool = Field(True, description="a quantised ONNX file beside the others, with its accuracy")
    calibration: Count = Field(256, description="training images that the ranges of int8 are taken from")
    images: Count = Field(2000, description="test images that all files are compared on, at most")
    batch: BatchSize = Field(32, description="images of the second latency; the first is of one image")
    licence: Text = Field("other", description="of the weights, as the Hugging Face Hub names licences: mit")
