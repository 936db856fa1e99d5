"""`export:` of a config: what the folders of exported students hold."""

from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from kd.errors import near
from kd.settings.types import Address, BatchSize, Count, Name, Text

OTHER, UNKNOWN = "other", "unknown"
# Licences that the Hugging Face Hub knows by an identifier; it refuses a card with another. From its
# documentation (huggingface.co/docs/hub/repositories-licenses), without those of single models.
_KNOWN = (
    *("apache-2.0", "mit", "openrail", "bigscience-openrail-m", "creativeml-openrail-m"),
    *("bigscience-bloom-rail-1.0", "bigcode-openrail-m", "openrail++", "afl-3.0", "artistic-2.0", "bsl-1.0"),
    *("bsd", "bsd-2-clause", "bsd-3-clause", "bsd-3-clause-clear", "c-uda", "cc", "cc0-1.0", "cc-by-2.0"),
    *("cc-by-2.5", "cc-by-3.0", "cc-by-4.0", "cc-by-sa-3.0", "cc-by-sa-4.0", "cc-by-nc-2.0", "cc-by-nc-3.0"),
    *("cc-by-nc-4.0", "cc-by-nd-4.0", "cc-by-nc-nd-3.0", "cc-by-nc-nd-4.0", "cc-by-nc-sa-2.0"),
    *("cc-by-nc-sa-3.0", "cc-by-nc-sa-4.0", "cdla-sharing-1.0", "cdla-permissive-1.0"),
    *("cdla-permissive-2.0", "wtfpl", "ecl-2.0", "epl-1.0", "epl-2.0", "etalab-2.0", "eupl-1.1", "agpl-3.0"),
    *("gfdl", "gpl", "gpl-2.0", "gpl-3.0", "lgpl", "lgpl-2.1", "lgpl-3.0", "isc", "lppl-1.3c", "ms-pl"),
    *("mpl-2.0", "odc-by", "odbl", "osl-3.0", "postgresql", "ofl-1.1", "ncsa", "unlicense", "zlib", "pddl"),
    *("lgpl-lr", UNKNOWN, OTHER),
)


def checked(name: str) -> str:
    """An identifier as it is; ValueError for one that the Hub does not know."""
    if name not in _KNOWN:
        hint = near(name.lower(), _KNOWN)
        raise ValueError(
            f"no identifier of a licence that the Hugging Face Hub knows{hint}; allowed: {', '.join(_KNOWN)}"
            f" ({OTHER}: with licence_name and licence_link)"
        )
    return name


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
