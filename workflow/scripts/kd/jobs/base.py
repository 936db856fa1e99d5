"""What every job is told: exactly its own configuration, as one JSON text."""

import json

from pydantic import BaseModel, ConfigDict


class Job(BaseModel):
    """A job's whole configuration."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    def to_json(self) -> str:
        """One text with sorted keys, so that any change of a value, and nothing else, changes it."""
        return json.dumps(self.model_dump(mode="json"), sort_keys=True)
