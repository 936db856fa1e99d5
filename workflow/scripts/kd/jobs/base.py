"""The configuration of a job: exactly its own, as one JSON text."""

import hashlib
import json

from pydantic import BaseModel, ConfigDict

from kd.roles import ALONE


class Job(BaseModel):
    """A job's whole configuration."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    def to_json(self) -> str:
        """One text with sorted keys, so that any change of a value, and nothing else, changes it."""
        return json.dumps(self.model_dump(mode="json"), sort_keys=True)

    def digest(self, code: str) -> str:
        """16 hexadecimal digits for this configuration and the fingerprint of the code that it is for.

        What a job makes carries it, so that it can be compared with the plan where Snakemake has no record.
        """
        return hashlib.sha256(f"{self.to_json()}\0{code}".encode()).hexdigest()[:16]


def title(role: str) -> str:
    """What a role is called in a log."""
    return "baseline" if role == ALONE else role
