"""Networks that a study trains: the section `students:` of a config, and most of `teachers:`."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, create_model

from kd.config.plugins import entries, options_of, resolve
from kd.config.problems import Problems
from kd.config.study import Network
from kd.models.libraries.names import known_architecture
from kd.settings.recipe import Recipe
from kd.settings.types import Architecture

UNTRAINED = ("ensemble", "logits", "external")  # a teacher with one of these keys is that; the first counts


_ARCHITECTURE = Field(
    None, description="torchvision/<name> and timm/<name> too; default: the entry's own name"
)
_OVERRIDE = Field(None, description="instead of the recipe's")
NetworkEntry = create_model(
    "NetworkEntry",
    __config__=ConfigDict(extra="allow", frozen=True),
    __doc__="One teacher or student: overrides of the recipe, and the options of its architecture.",
    architecture=(Architecture | None, _ARCHITECTURE),
    **{key: (kind | None, _OVERRIDE) for key, kind in Recipe.__annotations__.items()},
)


def kind_of(content: Any) -> str:
    """What an entry of teachers or students is: one of UNTRAINED, or "trained"."""
    keys = content if isinstance(content, Mapping) else ()
    return next((key for key in UNTRAINED if key in keys), "trained")


def read_network(
    problems: Problems, name: str, content: Any, info: ValidationInfo, base: type[BaseModel] = NetworkEntry
) -> Network:
    """A network with its own complete recipe."""
    entry, checked = resolve(problems, known_architecture, base, content, "architecture", name)
    if getattr(checked, "weights", None):
        problems.add(("weights",), "goes with ensemble, a list of other teachers")
    recipe = info.data.get("recipe", Recipe())  # the defaults where it is wrong, which is reported already
    own = checked.model_dump(include=set(Recipe.model_fields), exclude_none=True)
    recipe = problems.require(Recipe, {**recipe.model_dump(), **own})
    return Network(name, entry.name, options_of(entry, checked), recipe, getattr(checked, "seed", None))


StudentSection = entries(Network, NetworkEntry, read_network)
