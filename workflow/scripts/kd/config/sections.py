"""The sections of a config: its data set and its networks; the methods are in method_section.py."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kd import registry
from kd.config.plugins import find, items, options_of, resolve, with_options
from kd.config.problems import Problems
from kd.config.schema import (
    DatasetEntry,
    EnsembleEntry,
    ExternalEntry,
    NetworkEntry,
    StoredEntry,
    TeacherEntry,
)
from kd.config.study import Dataset, Ensemble, External, Network
from kd.errors import UserError, near
from kd.models.libraries.names import find_classifier
from kd.settings.recipe import Recipe

# Other formats of weights can run code when they are read.
CONVERT = "make one: safetensors.torch.save_file(torch.load(file, weights_only=True), 'file.safetensors')"


def dataset_of(problems: Problems, section: Any) -> Dataset | None:
    """The data set of a config, or None if it is wrong, which is then reported."""
    if not isinstance(section, Mapping) or "name" not in section:
        return None
    path = ("dataset",)
    entry = find(problems, registry.datasets(), section["name"], (*path, "name"), "data set")
    checked = entry and problems.check(with_options(DatasetEntry, entry.options), section, path)
    if not checked:
        return None
    files = entry.constants.get("FILES", {})
    fetches = bool(files or entry.gathers)
    if checked.mirror and not fetches:
        problems.add((*path, "mirror"), f"data set {entry.name!r} downloads nothing; leave this key out")
    if checked.crop_area and checked.pad is not None:
        problems.add((*path, "pad"), "goes with padded crops, crop_area with resized ones; leave one out")
    return Dataset(
        name=entry.name,
        options=options_of(entry, checked),
        validation=checked.validation,
        split_seed=checked.split_seed,
        pad=entry.constants["PAD"] if checked.pad is None else checked.pad,
        flip=entry.constants["FLIP"] if checked.flip is None else checked.flip,
        files=files,
        area=checked.crop_area,
        shards=checked.shards,
        mirror=(checked.mirror or entry.constants.get("MIRROR", "")).rstrip("/") if fetches else None,
    )


def networks_of(
    problems: Problems, config: Mapping[str, Any], section: str, base: type[NetworkEntry], recipe: Recipe
) -> dict[str, Network]:
    """The teachers or students of a config that are right; the others are reported."""
    found = {}
    for name, overrides in items(config.get(section)):
        path = (section, name)
        if base is TeacherEntry and not is_trained(overrides):
            continue
        entries = _architectures(problems, overrides.get("architecture"), path)
        entry, checked = resolve(problems, entries, base, overrides, path, "architecture")
        if not checked:
            continue
        if getattr(checked, "weights", None):
            problems.add((*path, "weights"), "goes with ensemble, a list of other teachers")
        own = checked.model_dump(include=set(Recipe.model_fields), exclude_none=True)
        whole = problems.check(Recipe, {**recipe.model_dump(), **own}, path)
        if whole:
            found[name] = Network(
                name, entry.name, options_of(entry, checked), whole, getattr(checked, "seed", None)
            )
    return found


def _architectures(problems: Problems, named: Any, path: tuple) -> Mapping[str, registry.Entry]:
    """Those that can be named, with that of a library if one is; what is wrong with it is reported."""
    if isinstance(named, str) and "/" in named:
        try:
            return {named: find_classifier(named)}
        except UserError as error:
            problems.add((*path, "architecture"), str(error))
    return registry.architectures()


def is_trained(entry: Mapping[str, Any]) -> bool:
    """Whether an entry of teachers or students is a network that the study trains."""
    return not {"ensemble", "external", "logits"} & set(entry)


def externals_of(problems: Problems, config: Mapping[str, Any]) -> dict[str, External]:
    """The teachers of a config whose weights are the user's and right; the others are reported."""
    found = {}
    for name, given in items(config.get("teachers")):
        path = ("teachers", name)
        if "external" not in given or {"ensemble", "logits"} & set(given):
            continue
        entries = _architectures(problems, given.get("architecture"), path)
        entry, checked = resolve(problems, entries, ExternalEntry, given, path, "architecture")
        if checked:
            found[name] = External(name, entry.name, options_of(entry, checked), checked.external)
            if Path(checked.external).suffix != ".safetensors":
                text = f"{checked.external[-60:]!r} is no .safetensors file; {CONVERT}"
                problems.add((*path, "external"), text)
    return found


def stored_of(problems: Problems, config: Mapping[str, Any]) -> dict[str, str]:
    """The files of those teachers of a config that are logits; what is wrong is reported."""
    found = {}
    for name, given in items(config.get("teachers")):
        if "logits" in given and "ensemble" not in given:
            if checked := problems.check(StoredEntry, given, ("teachers", name)):
                found[name] = checked.logits
            if config.get("targets") == "live":
                text = f"a network runs live, and teachers.{name} is stored logits; allowed: auto, cached"
                problems.add(("targets",), text)
    return found


def ensembles_of(problems: Problems, config: Mapping[str, Any]) -> dict[str, Ensemble]:
    """The teachers of a config that are made of others and right; the others are reported."""
    teachers = dict(items(config.get("teachers")))
    trained = [name for name, entry in teachers.items() if not {"ensemble", "logits"} & set(entry)]
    found = {}
    for name in [name for name, entry in teachers.items() if "ensemble" in entry]:
        path = ("teachers", name)
        checked = problems.check(EnsembleEntry, teachers[name], path)
        if not checked:
            continue
        for member in checked.ensemble:
            if member not in trained:
                text = f"{member!r} is no teacher that is trained{near(member, trained)}"
                problems.add((*path, "ensemble"), f"{text}; allowed: {', '.join(trained)}")
        if len(set(checked.ensemble)) < len(checked.ensemble):
            problems.add((*path, "ensemble"), "each may be there once")
        weights = checked.weights or (1.0,) * len(checked.ensemble)
        if len(weights) != len(checked.ensemble):
            counts = f"{len(weights)} for {len(checked.ensemble)} teachers"
            problems.add((*path, "weights"), f"{counts}; one for each is needed")
        found[name] = Ensemble(name, checked.ensemble, weights)
    return {name: found[name] for name in teachers if name in found}
