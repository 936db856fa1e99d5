"""The section `methods` of a config: one method of the code, or several that add up, and chains of them."""

from collections.abc import Mapping
from typing import Any

from kd import registry
from kd.config.plugins import items, options_of, resolve
from kd.config.problems import Problems
from kd.config.schema import MethodEntry, PartEntry
from kd.config.sections import is_trained
from kd.config.study import Method, chain_name
from kd.errors import near

LONGEST = 200  # characters of a chain, which names a folder


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
        parts = [_part(problems, *each) for each in inner]
        links = problems.check(MethodEntry, chain, path)
        if all(parts) and links:
            _check_sum(problems, parts, path)
            needs = tuple(sorted({need for entry, _ in parts for need in entry.constants["NEEDS"]}))
            inside = [(entry.name, options) for entry, options in parts]
            found[name] = Method(name, inside, needs, links.via, links.generations)
            _check_chain(problems, found[name], config)
    return found


def _is_a_sum(options: Mapping[str, Any]) -> bool:
    """Whether an entry of methods holds methods with their options, which add up, instead of options."""
    inside = [own is None or isinstance(own, Mapping) for own in options.values()]
    return bool(options) and all(inside) and any(name in registry.methods() for name in options)


def _part(
    problems: Problems, name: str, options: Mapping[str, Any], path: tuple
) -> tuple[registry.Entry, dict[str, Any]] | None:
    """One method of the code with all its options; None after a mistake."""
    entry, checked = resolve(problems, registry.methods(), PartEntry, options, path, "method")
    if not checked:
        return None
    options = options_of(entry, checked)
    check_one_above_zero(problems, entry, options, path)
    return entry, options


def check_one_above_zero(
    problems: Problems, entry: registry.Entry, options: Mapping[str, Any], path: tuple
) -> None:
    """Report a method whose every term has the weight 0."""
    weights = entry.constants.get("ONE_ABOVE_ZERO", ())
    if weights and not any(options[name] > 0 for name in weights):
        they = f"{' and '.join(weights)} are {'both' if len(weights) == 2 else 'all'} 0"
        they = f"{weights[0]} is 0" if len(weights) == 1 else they
        problems.add(path, f"{they}, so nothing would be learnt; one of them must be above 0")


def _check_sum(problems: Problems, parts: list[tuple[registry.Entry, dict[str, Any]]], path: tuple) -> None:
    """What one method may be and several at once may not."""
    names = [entry.name for entry, _ in parts]
    if repeated := {name for name in names if names.count(name) > 1}:
        problems.add(path, f"{', '.join(sorted(repeated))} is there more than once; each method may be once")
    for entry, _ in parts[1:]:
        if entry.constants.get("ONLY_CE"):
            text = "is a cross-entropy and nothing else, and a sum has that of its first method; put it first"
            problems.add((*path, entry.name), text)
    first = {entry.name: options["init_epochs"] for entry, options in parts if options.get("init_epochs")}
    if len(set(first.values())) > 1:
        found = ", ".join(f"{name} {epochs}" for name, epochs in first.items())
        problems.add(path, f"init_epochs differ ({found}); in a sum they must be equal, or 0")


def _check_chain(problems: Problems, method: Method, config: Mapping[str, Any]) -> None:
    path = ("methods", method.name)
    if not method.via and method.generations == 1:
        return
    sides = [items(config.get(side)) for side in ("students", "teachers")]
    networks = [name for side in sides for name, entry in side if is_trained(entry)]
    for name in method.via:
        if name not in networks:
            text = f"{name!r} is in neither students nor teachers{near(name, networks)}"
            problems.add((*path, "via"), f"{text}; allowed: {', '.join(networks)}")
    if not method.of_teacher:
        problems.add(path, "has no teacher, so there is none in between; leave via and generations out")
    if "members" in method.needs:
        problems.add(path, "needs an ensemble, which no network in between is; leave via and generations out")
    if any(len(chain_name(method.chain(name))) > LONGEST for name, _ in sides[0]):
        problems.add((*path, "via"), f"the names of the chain are over {LONGEST} characters; shorten it")
