"""What of a study differs from the defaults, and the file that has every value."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from kd import registry
from kd.config.dataset import DatasetEntry
from kd.config.kept.given import to_yaml
from kd.config.kept.resolved import SETTINGS, Tree, by_pair_of, resolved
from kd.config.methods import MethodEntry
from kd.config.study.methods import Method
from kd.config.study.networks import External, Network
from kd.config.study.study import Study
from kd.config.sweep import SweepEntry
from kd.config.teachers import TeacherEntry
from kd.errors import without_password
from kd.settings.recipe import Recipe, default_recipe

CHANGED = "x-changed"  # a key that load_study passes over
_NONE = object()  # where a key has no default


def resolved_yaml(study: Study, config: Mapping[str, Any]) -> str:
    """config.resolved.yaml: `resolved`, below `changed` under the key CHANGED; without passwords."""
    head = (
        "# Every key of the study with its value, defaults included, and first those that differ from them.\n"
    )
    content = {CHANGED: changed(study, config), **resolved(study, config)}
    return without_password(head + to_yaml(content))


def changed(study: Study, config: Mapping[str, Any]) -> dict[str, Tree]:
    """What differs from its default, by key: `value`, and the `default`.

    A key of the recipe is there once, with a value for all networks, or the names of those that have each.
    """
    content, default = resolved(study, config), _defaults(study)
    lines = _recipes(study)
    for path, value, expected in _leaves(content, default):
        if expected is not _NONE and _same(expected) != _same(value):
            lines[".".join(path)] = {"value": value, "default": expected}
    order = ("dataset", "recipe", "teachers", "students", "pairs", "methods", "sweep", "targets", *SETTINGS)
    return dict(sorted(lines.items(), key=lambda line: order.index(line[0].partition(".")[0])))


def _recipes(study: Study) -> dict[str, Tree]:
    """Of each key of the recipe that some network has not at its default."""
    networks = [*study.teachers.values(), *study.students.values()]
    values = {network.name: network.recipe.model_dump(mode="json") for network in networks}
    usual = {
        network.name: default_recipe(network.options.get("pretrained"), network.recipe.optimizer)
        for network in networks
    }
    return {
        f"recipe.{key}": {part: _shared(key, of) for part, of in (("value", values), ("default", usual))}
        for key in Recipe.model_fields
        if any(values[name][key] != usual[name][key] for name in values)
    }


def _shared(key: str, recipes: Mapping[str, Tree]) -> Any:
    """The value of all networks, or by each value the names of those that have it."""
    names: dict[str, list[str]] = {}
    for name, recipe in recipes.items():
        names.setdefault(str(recipe[key]), []).append(name)
    if len(names) == 1:
        return next(iter(recipes.values()))[key]
    return {value: ", ".join(of) for value, of in names.items()}


def _defaults(study: Study) -> Tree:
    """The default of every key that has one, where `resolved` has its value; recipes are left out."""
    data = registry.find_dataset(study.dataset.name)
    dataset = _defaults_of(DatasetEntry) | _defaults_of(data.options)
    dataset |= {"pad": data.constants["PAD"], "flip": data.constants["FLIP"], "crop_area": None}
    mirror = data.constants.get("MIRROR", "").rstrip("/") or None
    networks = study.teachers | study.externals
    sweep = {key: _defaults_of(SweepEntry)[key] for key in ("search", "trials", "search_seed")}
    return {
        "dataset": dataset | {"mirror": mirror},
        "teachers": {name: _of_network(network, TeacherEntry) for name, network in networks.items()},
        "students": {name: _of_network(network) for name, network in study.students.items()},
        "pairs": "all",
        "methods": {name: _of_method(method) for name, method in study.methods.items()},
        "sweep": {name: sweep | _of_method(study.methods[name]) for name in study.sweeps},
        "targets": "auto",
        **{name: _defaults_of(type(getattr(study, name))) for name in SETTINGS},
    }


def _of_network(network: Network | External, base: type[BaseModel] | None = None) -> Tree:
    options = _defaults_of(registry.find_architecture(network.architecture).options)
    return options | ({"seed": base.model_fields["seed"].default} if base else {})


def _of_method(method: Method) -> Tree:
    parts = {name: _of_part(method, name) for name, _ in method.parts}
    links = {"via": [], "generations": MethodEntry.model_fields["generations"].default, "pairs": "all"}
    return links | (next(iter(parts.values())) if len(parts) == 1 else parts)


def _of_part(method: Method, name: str) -> Tree:
    options = _defaults_of(registry.find_method(name).options)
    by_pair = by_pair_of(method, name).get("by_pair", {})
    own = {teacher: dict.fromkeys(students, options) for teacher, students in by_pair.items()}
    return options | {"by_pair": own}


def _defaults_of(model: type[BaseModel]) -> Tree:
    fields = {name: field for name, field in model.model_fields.items() if not field.is_required()}
    return {name: field.get_default(call_default_factory=True) for name, field in fields.items()}


def _leaves(tree: Tree, default: Any, path: tuple[str, ...] = ()) -> list[tuple[tuple[str, ...], Any, Any]]:
    """Each value with its path and its default; keys whose default is no mapping have one value in all."""
    leaves = []
    for key, value in tree.items():
        place, expected = (
            (*path, str(key)),
            default.get(key, _NONE) if isinstance(default, Mapping) else _NONE,
        )
        inside = isinstance(value, Mapping) and (expected is _NONE or isinstance(expected, Mapping))
        leaves += _leaves(value, expected, place) if inside else [(place, value, expected)]
    return leaves


def _same(value: Any) -> Any:
    """A value as it is compared: a tuple and a list of the same are one."""
    return list(map(_same, value)) if isinstance(value, list | tuple) else value
