"""Networks that a study trains: the section `students:` of a config, and most of `teachers:`."""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo

from kd.config.plugins import entries, options_of, resolve
from kd.config.problems import Problems
from kd.config.study import Network
from kd.models.libraries.names import known_architecture
from kd.settings.recipe import Recipe
from kd.settings.types import Architecture, BatchSize, Count, Momentum, NonNegative, Positive

UNTRAINED = ("ensemble", "logits", "external")  # a teacher with one of these keys is that; the first counts


class NetworkEntry(BaseModel):
    """One teacher or student: overrides of the recipe, and the options of its architecture."""

    model_config = ConfigDict(extra="allow", frozen=True)

    architecture: Architecture | None = Field(
        None, description="torchvision/<name> and timm/<name> too; default: the entry's own name"
    )
    epochs: Count | None = Field(None, description="instead of the recipe's")
    batch_size: BatchSize | None = Field(None, description="instead of the recipe's")
    lr: Positive | None = Field(None, description="instead of the recipe's")
    momentum: Momentum | None = Field(None, description="instead of the recipe's")
    weight_decay: NonNegative | None = Field(None, description="instead of the recipe's")
    nesterov: bool | None = Field(None, description="instead of the recipe's")
    schedule: Literal["cosine", "multi_step", "constant"] | None = Field(
        None, description="instead of the recipe's"
    )
    milestones: tuple[Count, ...] | None = Field(None, description="instead of the recipe's")
    gamma: Positive | None = Field(None, description="instead of the recipe's")


def kind_of(content: Any) -> str:
    """What an entry of teachers or students is: one of UNTRAINED, or "trained"."""
    keys = content if isinstance(content, Mapping) else ()
    return next((key for key in UNTRAINED if key in keys), "trained")


def read_network(
    problems: Problems, name: str, content: Any, info: ValidationInfo, base: type[NetworkEntry] = NetworkEntry
) -> Network | None:
    """A network with its own complete recipe; None after a mistake, which is reported."""
    resolved = resolve(problems, known_architecture, base, content, "architecture", name)
    if not resolved:
        return None
    entry, checked = resolved
    if getattr(checked, "weights", None):
        problems.add(("weights",), "goes with ensemble, a list of other teachers")
    recipe = info.data.get("recipe", Recipe())  # the defaults where it is wrong, which is reported already
    own = checked.model_dump(include=set(Recipe.model_fields), exclude_none=True)
    recipe = problems.check(Recipe, {**recipe.model_dump(), **own})
    seed = getattr(checked, "seed", None)
    return recipe and Network(name, entry.name, options_of(entry, checked), recipe, seed)


StudentSection = entries(Network, NetworkEntry, read_network)
