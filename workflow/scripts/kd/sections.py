"""The sections of a config: its data set, its networks, its methods."""

from collections.abc import Mapping
from typing import Any

from kd import catalog
from kd.explain import Problems, near
from kd.recipe import Recipe
from kd.resolve import find, items, options_of, resolve, with_options
from kd.schema import DatasetEntry, EnsembleEntry, MethodEntry, NetworkEntry, TeacherEntry
from kd.study import Dataset, Ensemble, Method, Network


def dataset_of(problems: Problems, section: Any) -> Dataset | None:
    """The data set of a config, or None if it is wrong, which is then reported."""
    if not isinstance(section, Mapping) or "name" not in section:
        return None
    path = ("dataset",)
    entry = find(problems, catalog.datasets(), section["name"], (*path, "name"), "data set")
    checked = entry and problems.check(with_options(DatasetEntry, entry.options), section, path)
    if not checked:
        return None
    files = entry.constants.get("FILES", {})
    if checked.mirror and not files:
        problems.add((*path, "mirror"), f"data set {entry.name!r} downloads nothing; leave this key out")
    return Dataset(
        name=entry.name,
        options=options_of(entry, checked),
        validation=checked.validation,
        split_seed=checked.split_seed,
        pad=entry.constants["PAD"] if checked.pad is None else checked.pad,
        flip=entry.constants["FLIP"] if checked.flip is None else checked.flip,
        files=files,
        mirror=(checked.mirror or entry.constants.get("MIRROR", "")).rstrip("/") if files else None,
    )


def networks_of(
    problems: Problems, config: Mapping[str, Any], section: str, base: type[NetworkEntry], recipe: Recipe
) -> dict[str, Network]:
    """The teachers or students of a config that are right; the others are reported."""
    found = {}
    for name, overrides in items(config.get(section)):
        path = (section, name)
        if "ensemble" in overrides and base is TeacherEntry:
            continue
        entry, checked = resolve(problems, catalog.architectures(), base, overrides, path, "architecture")
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


def ensembles_of(problems: Problems, config: Mapping[str, Any]) -> dict[str, Ensemble]:
    """The teachers of a config that are made of others and right; the others are reported."""
    teachers = dict(items(config.get("teachers")))
    trained = [name for name, entry in teachers.items() if "ensemble" not in entry]
    found = {}
    for name in teachers.keys() - set(trained):
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


def methods_of(problems: Problems, config: Mapping[str, Any]) -> dict[str, Method]:
    """The methods of a config that are right; the others are reported."""
    found = {}
    for name, entry in items(config.get("methods")):
        path = ("methods", name)
        chain = {key: entry[key] for key in ("via", "generations") if key in entry}
        options = {key: value for key, value in entry.items() if key not in chain}
        if _is_a_sum(options):
            inner = [(part, {} if own is None else own, (*path, part)) for part, own in options.items()]
        else:
            inner = [(name, options, path)]
        parts = [_method(problems, *part) for part in inner]
        links = problems.check(MethodEntry, chain, path)
        if all(parts) and links:
            needs = {need for _, _, needs in parts for need in needs}
            inside = [part[:2] for part in parts]
            found[name] = Method(name, inside, tuple(sorted(needs)), links.via, links.generations)
            _check_chain(problems, found[name], config)
    return found


def _check_chain(problems: Problems, method: Method, config: Mapping[str, Any]) -> None:
    path = ("methods", method.name)
    sides = [items(config.get(side)) for side in ("students", "teachers")]
    networks = [name for side in sides for name, entry in side if "ensemble" not in entry]
    for name in method.via:
        if name not in networks:
            text = f"{name!r} is in neither students nor teachers{near(name, networks)}"
            problems.add((*path, "via"), f"{text}; allowed: {', '.join(networks)}")
    if (method.via or method.generations > 1) and not method.of_teacher:
        problems.add(path, "has no teacher, so there is none in between; leave via and generations out")


def _is_a_sum(options: Mapping[str, Any]) -> bool:
    """Whether an entry of methods holds methods with their options, which add up, instead of options."""
    inside = [own is None or isinstance(own, Mapping) for own in options.values()]
    return bool(options) and all(inside) and any(name in catalog.methods() for name in options)


def _method(
    problems: Problems, name: str, options: Mapping[str, Any], path: tuple
) -> tuple[str, dict[str, Any], tuple[str, ...]] | None:
    """One method of the code: its name, all its options, and what it needs; None after a mistake."""
    entry, checked = resolve(problems, catalog.methods(), MethodEntry, options, path, "method")
    if not checked:
        return None
    options = options_of(entry, checked)
    check_one_above_zero(problems, entry, options, path)
    return entry.name, options, entry.constants["NEEDS"]


def check_one_above_zero(
    problems: Problems, entry: catalog.Entry, options: Mapping[str, Any], path: tuple
) -> None:
    """Report a method whose every term has the weight 0."""
    weights = entry.constants.get("ONE_ABOVE_ZERO", ())
    if weights and not any(options[name] > 0 for name in weights):
        they = f"{' and '.join(weights)} are {'both' if len(weights) == 2 else 'all'} 0"
        problems.add(path, f"{they}, so nothing would be learnt; one of them must be above 0")
