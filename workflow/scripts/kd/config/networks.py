"""Networks that a study trains: the section `students:` of a config, and most of `teachers:`."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, create_model

from kd import registry
from kd.config.plugins import entries, options_of, resolve
from kd.config.problems import Problems
from kd.config.study.networks import Network
from kd.models.libraries.names import known_architecture, same_name
from kd.registry import Entry
from kd.settings.optimizers import OWN, fine_tuning
from kd.settings.recipe import Recipe
from kd.settings.types import Architecture

UNTRAINED = ("ensemble", "logits", "external")  # a teacher with one of these keys is that; the first counts

_LIBRARY_OPTIONS = {"pretrained", "input_size", "stem"}
OPTIONAL = {name for name, field in Recipe.model_fields.items() if field.default is None}
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
    _check_library_options(problems, name, content)
    entry, checked = resolve(problems, known_architecture, base, content, "architecture", name)
    if getattr(checked, "weights", None):
        problems.add(("weights",), "goes with ensemble, a list of other teachers")
    for key in ("mean", "std"):
        if getattr(checked, key, None):
            problems.add((key,), "goes with external, weights that were trained elsewhere")
    options = options_of(entry, checked)
    shared = info.data.get("recipe", Recipe())  # the defaults where it is wrong, which is reported already
    own = checked.model_dump(include=set(Recipe.model_fields), exclude_none=True)
    own |= dict.fromkeys(OPTIONAL & checked.model_fields_set - own.keys())  # null: not as in the recipe
    defaults = fine_tuning(own.get("optimizer", shared.optimizer)) if options.get("pretrained") else {}
    recipe = problems.require(Recipe, {**defaults, **_shared_keys(shared, own), **own})
    _check_side(problems, entry, options, info.data.get("dataset"))
    return Network(name, entry.name, options, recipe, getattr(checked, "seed", None))


def _shared_keys(shared: Recipe, own: Mapping[str, Any]) -> dict[str, Any]:
    """What a network with these keys takes from the study's recipe: none of what goes with another choice."""
    others: set[str] = set()
    if own.get("optimizer", shared.optimizer) != shared.optimizer:
        others |= set(OWN)
    if own.get("schedule", shared.schedule) != shared.schedule:
        others |= {"milestones", "gamma", "peak"} | (
            {"warmup_epochs"} if own["schedule"] == "one_cycle" else set()
        )
    return {key: value for key, value in shared.model_dump(exclude_unset=True).items() if key not in others}


def _check_library_options(problems: Problems, name: str, content: Any) -> None:
    """Report options of a library's networks, such as `pretrained`, below the name of one of this project."""
    if not isinstance(content, Mapping) or not (keys := _LIBRARY_OPTIONS & content.keys()):
        return
    architecture = content.get("architecture") or name
    own = registry.architectures().get(architecture) if isinstance(architecture, str) else None
    if own is None:
        return
    for key in keys - own.options.model_fields.keys():
        place = next(iter(same_name(architecture)), "torchvision/resnet50")
        text = f"belongs to networks of torchvision and timm; set architecture: {place} beside it"
        problems.add((key,), f"{text} ({architecture!r} is a network of this project)")


def _check_side(problems: Problems, entry: Entry, options: Mapping[str, Any], dataset: Any) -> None:
    """Report images that are too small for a network of a library, where both sizes are known by now."""
    least = entry.constants.get("SMALLEST", {})
    if not entry.inside or options.get("pretrained") or options.get("stem") == "cifar":
        return
    needed = max((side for family, side in least.items() if entry.inside[0].startswith(family)), default=0)
    side = options.get("input_size") or (dataset and dataset.side)
    if side and side < needed:
        text = f"{entry.name} cannot take images of {side}x{side} pixels; set input_size: {needed} or more"
        problems.add((), text)


StudentSection = entries(Network, NetworkEntry, read_network)
