"""The configuration of a job: exactly its own, as one JSON text."""

import hashlib
import json
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from kd.roles import ALONE

# What a study changes of the augmentation that its data set has: fields of kd.data.augmentation.Augmentation.
Augmentation = Annotated[dict[str, Any], Field(default_factory=dict)]
# Keys that are left out where they are empty: so were they before there were any.
LATER = ("augmentation", "top_k", "mean", "std", "train_images")


class Job(BaseModel):
    """A job's whole configuration."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    def to_json(self, *fields: str) -> str:
        """One text with sorted keys, so that any change of a value, and nothing else, changes it.

        Of all fields, or of some.
        """
        values = self.model_dump(mode="json", include=set(fields) or None)
        values = {key: value for key, value in values.items() if value or key not in LATER}
        return json.dumps(values, sort_keys=True)

    def digest(self, code: str) -> str:
        """16 hexadecimal digits for this configuration and the fingerprint of the code that it is for.

        What a job makes carries it, so that it can be compared with the plan where Snakemake has no record.
        """
        return hashlib.sha256(f"{self.to_json()}\0{code}".encode()).hexdigest()[:16]


def title(role: str) -> str:
    """What a role is called in a log."""
    return "baseline" if role == ALONE else role
