"""What of teachers is stored."""

from dataclasses import dataclass
from typing import Any

STORABLE = {"logits", "members"}  # what can be stored of a teacher


@dataclass(frozen=True)
class Storing:
    """Whether logits of teachers are stored, as a word, and how many of each image; None for all."""

    store: str = "auto"
    top_k: int | None = None

    @property
    def in_file(self) -> Any:
        """As a config has it."""
        return {"store": self.store, "top_k": self.top_k} if self.top_k else self.store
