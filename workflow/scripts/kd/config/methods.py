"""The section `methods:` of a config: one method of the code, or several that add up, and chains of them."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo

from kd import registry
from kd.config.networks import kind_of
from kd.config.plugins import entries, options_of, resolve
from kd.config.problems import Ended, Problems
from kd.config.study import Method, chain_name
from kd.errors import did_you_mean
from kd.settings.types import Generations, Name

LONGEST = 200  # characters of a chain, which names a folder

Part = tuple[registry.Entry, dict[str, Any]]  # a method of the code with all its options


class PartEntry(BaseModel):
    """One of several methods that add up: this key, and the options of the method."""

    model_config = ConfigDict(extra="allow", frozen=True)

    method: Name | None = Field(
        None, description="a file of workflow/scripts/kd/methods/; default: the entry's own name"
    )


class MethodEntry(PartEntry):
    """One way to distil: these keys, and the options of the method."""

    via: tuple[Name, ...] = Field(
        (),
        description="networks (students or teachers) in between, each distilled from the one before",
    )
    generations: Generations = Field(
        1, description="how many times the student is trained, each time distilled from the one before"
    )


def _read(problems: Problems, name: str, content: Any, info: ValidationInfo) -> Method:
    if not isinstance(content, Mapping):
        return problems.require(MethodEntry, content)
    links = problems.check(MethodEntry, {key: content[key] for key in _LINKS & content.keys()})
    options = {key: value for key, value in content.items() if key not in _LINKS}
    if _is_a_sum(options):
        parts = [
            problems.attempt(partial(_part, part, PartEntry), own or {}, (part,))
            for part, own in options.items()
        ]
    else:
        parts = [problems.attempt(partial(_part, name, MethodEntry), options)]
    if not all(parts) or not links:
        raise Ended
    _check_sum(problems, parts)
    needs = tuple(sorted({need for entry, _ in parts for need in entry.constants["NEEDS"]}))
    inside = [(entry.name, options) for entry, options in parts]
    method = Method(name, inside, needs, links.via, links.generations)
    _check_chain(problems, method, info.context.written)
    return method


_LINKS = MethodEntry.model_fields.keys() - PartEntry.model_fields.keys()


def _is_a_sum(options: Mapping[str, Any]) -> bool:
    """Whether an entry of methods holds methods with their options, which add up, instead of options."""
    inside = [own is None or isinstance(own, Mapping) for own in options.values()]
    return all(inside) and any(name in registry.method_names() for name in options)


def _part(name: str, base: type[BaseModel], content: Any) -> Part:
    """One method of the code with all its options."""
    with Problems() as problems:
        entry, checked = resolve(problems, registry.find_method, base, content, "method", name)
        options = options_of(entry, checked)
        check_one_above_zero(problems, entry, options)
        return entry, options


def check_one_above_zero(
    problems: Problems, entry: registry.Entry, options: Mapping[str, Any], place: tuple = ()
) -> None:
    """Report a method whose every term has the weight 0."""
    weights = entry.constants.get("ONE_ABOVE_ZERO", ())
    if weights and not any(options[name] > 0 for name in weights):
        they = f"{' and '.join(weights)} are {'both' if len(weights) == 2 else 'all'} 0"
        they = f"{weights[0]} is 0" if len(weights) == 1 else they
        problems.add(place, f"{they}, so nothing would be learnt; one of them must be above 0")


def _check_sum(problems: Problems, parts: list[Part]) -> None:
    """What one method may be and several at once may not."""
    names = [entry.name for entry, _ in parts]
    if repeated := {name for name in names if names.count(name) > 1}:
        problems.add((), f"{', '.join(sorted(repeated))} is there more than once; each method may be once")
    for entry, _ in parts[1:]:
        if entry.constants.get("ONLY_CE"):
            text = "is a cross-entropy and nothing else, and a sum has that of its first method; put it first"
            problems.add((entry.name,), text)
    kinds = {entry.name: kind for entry, _ in parts if (kind := entry.constants.get("COMPANIONS"))}
    if len(set(kinds.values())) > 1:
        problems.add(
            (), f"{' and '.join(kinds)} show a second image each, of different kinds; not in one sum"
        )
    first = {entry.name: options["init_epochs"] for entry, options in parts if options.get("init_epochs")}
    if len(set(first.values())) > 1:
        epochs = ", ".join(f"{name} {epochs}" for name, epochs in first.items())
        problems.add((), f"init_epochs differ ({epochs}); in a sum they must be equal, or 0")


def _check_chain(problems: Problems, method: Method, written: Mapping[str, Mapping[str, Any]]) -> None:
    if not method.via and method.generations == 1:
        return
    sides = [written[side] for side in ("students", "teachers")]
    networks = [name for side in sides for name, entry in side.items() if kind_of(entry) == "trained"]
    for name in method.via:
        if name not in networks:
            text = f"{name!r} is in neither students nor teachers{did_you_mean(name, networks)}"
            problems.add(("via",), f"{text}; allowed: {', '.join(networks)}")
    if not method.of_teacher:
        problems.add((), "has no teacher, so there is none in between; leave via and generations out")
    if "members" in method.needs:
        problems.add((), "needs an ensemble, which no network in between is; leave via and generations out")
    if any(len(chain_name(method.chain(name))) > LONGEST for name in sides[0]):
        problems.add(("via",), f"the names of the chain are over {LONGEST} characters; shorten it")


MethodSection = entries(Method, MethodEntry, _read)
