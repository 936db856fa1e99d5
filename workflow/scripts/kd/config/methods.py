"""The section `methods:` of a config: one method of the code, or several that add up, and chains of them."""

from collections.abc import Mapping
from functools import partial
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, PlainValidator, ValidationInfo

from kd import registry
from kd.config.method.options import ByPair, links_of, options_by_pair
from kd.config.method.pairs import PairsInFile, read_pairs
from kd.config.method.sums import Part, check_sum, variants_of
from kd.config.networks import kind_of
from kd.config.plugins import Context, entries, resolve
from kd.config.problems import Ended, Problems
from kd.config.study.methods import Method, chain_name
from kd.config.study.networks import Pair
from kd.errors import did_you_mean
from kd.settings.types import Generations, Name

LONGEST = 200  # characters of a chain, which names a folder


class NamedEntry(BaseModel):
    """An entry that names a method: this key, and the options of the method."""

    model_config = ConfigDict(extra="allow", frozen=True)

    method: Name | None = Field(
        None, description="a file of workflow/scripts/kd/methods/; default: the entry's own name"
    )


class PartEntry(NamedEntry):
    """One of several methods that add up: these keys, and the options of the method."""

    preset: Name | None = Field(
        None, description="a file of config/presets/: its options count where none is set here"
    )
    by_pair: ByPair = Field({}, description="options of single pairs: {teacher: {student: {option: value}}}")


class MethodEntry(PartEntry):
    """One way to distil: these keys, and the options of the method."""

    via: tuple[Name, ...] = Field(
        (),
        description="networks (students or teachers) in between, each distilled from the one before",
    )
    generations: Generations = Field(
        1, description="how many times the student is trained, each time distilled from the one before"
    )
    # Read with what the other sections have, by read_pairs.
    pairs: Annotated[Any, PlainValidator(lambda pairs: pairs, json_schema_input_type=PairsInFile)] = Field(
        "all", description="the pairs that it is run with, of those in the section of this name"
    )


def _read(problems: Problems, name: str, content: Any, info: ValidationInfo) -> Method:
    if not isinstance(content, Mapping):
        return problems.require(MethodEntry, content)
    links = problems.check(MethodEntry, {key: content[key] for key in _LINKS & content.keys()})
    options = {key: value for key, value in content.items() if key not in _LINKS}
    pairs = _own_pairs(problems, links, info)
    taught = links_of(pairs or info.data.get("pairs", ()), links.via, links.generations) if links else ()
    part = partial(_part, taught, info.context)
    if _is_a_sum(options):
        parts = [
            problems.attempt(partial(part, inside, PartEntry), own or {}, (inside,))
            for inside, own in options.items()
        ]
    else:
        parts = [problems.attempt(partial(part, name, MethodEntry), options)]
    if not all(parts) or not links:
        raise Ended
    check_sum(problems, parts)
    needs = tuple(sorted({need for part in parts for need in part.entry.constants["NEEDS"]}))
    variants = variants_of(parts)
    method = Method(name, variants.pop(None), needs, links.via, links.generations, pairs, variants)
    _check_chain(problems, method, info.context.written)
    return method


_LINKS = MethodEntry.model_fields.keys() - PartEntry.model_fields.keys()


def _own_pairs(problems: Problems, links: MethodEntry | None, info: ValidationInfo) -> tuple[Pair, ...]:
    """The pairs that a method is limited to; none where it has all of the study."""
    if links is None or links.pairs == "all":
        return ()
    pairs = problems.attempt(partial(read_pairs, info=info), links.pairs, ("pairs",)) or ()
    if pairs and not set(pairs) & set(info.data.get("pairs", pairs)):
        problems.add(("pairs",), "none of them is in the section pairs, so the method would not be run")
    return pairs


def _is_a_sum(options: Mapping[str, Any]) -> bool:
    """Whether an entry of methods holds methods with their options, which add up, instead of options."""
    inside = [own is None or isinstance(own, Mapping) for own in options.values()]
    return all(inside) and any(name in registry.method_names() for name in options)


def _part(taught: tuple[Pair, ...], context: Context, name: str, base: type[BaseModel], content: Any) -> Part:
    """One method of the code with all its options, where it has to do with these pairs."""
    with Problems() as problems:
        entry, checked = resolve(problems, registry.find_method, base, content, "method", name)
        return Part(entry, *options_by_pair(problems, entry, checked, taught, context))


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
