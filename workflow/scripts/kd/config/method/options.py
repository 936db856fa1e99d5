"""The options of a method by its entry and its preset: of all pairs, and of those that have others."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

from pydantic import BaseModel

from kd.config.method.sums import check_first_epochs, check_one_above_zero
from kd.config.plugins import Context, options_of
from kd.config.problems import Ended, Problems
from kd.config.reference.presets import Preset, preset_of
from kd.config.study.networks import Pair
from kd.errors import UserError, did_you_mean
from kd.registry import Entry

Options = dict[str, Any]
ByPair = dict[str, dict[str, Options]]  # by teacher and student


def links_of(pairs: Sequence[Pair], via: Sequence[str] = (), generations: int = 1) -> tuple[Pair, ...]:
    """Who learns from whom by a method: these pairs, or the links of a chain between each."""
    chains = [(teacher, *via, *(student,) * generations) for teacher, student in pairs]
    return tuple(dict.fromkeys(link for chain in chains for link in pairwise(chain)))


def options_by_pair(
    problems: Problems,
    entry: Entry,
    checked: BaseModel,
    links: Sequence[Pair],
    context: Context,
) -> tuple[Options, dict[Pair, Options]]:
    """All options of a method, and all those of each of the `links` that has others.

    `checked` is its entry in the config. An option that is set there counts for every pair, and one below its
    `by_pair` for that pair; the others are those of its preset, or else defaults. Ends the entry after a
    mistake.
    """
    preset = _preset(problems, entry, checked.preset)
    written = checked.model_fields_set & entry.options.model_fields.keys()
    explicit = {key: value for key, value in options_of(entry, checked).items() if key in written}
    own = dict(_own(problems, checked.by_pair, context))

    def whole(place: tuple[str, ...], *layers: Mapping[str, Any]) -> Options:
        merged = {key: value for layer in layers for key, value in layer.items()}
        options = problems.require(entry.options, merged, place).model_dump(mode="json")
        check_one_above_zero(problems, entry, options, place)
        check_first_epochs(problems, options, place)
        return options

    base, others = whole((), preset.options, explicit), {}
    for pair in dict.fromkeys([*own, *links]):
        place = ("by_pair", *pair) if pair in own else ()
        others[pair] = whole(place, preset.of(_architectures(pair, context)), explicit, own.get(pair, {}))
    return base, {pair: options for pair, options in others.items() if pair in links and options != base}


def _preset(problems: Problems, entry: Entry, name: str | None) -> Preset:
    if name is None:
        return Preset()
    try:
        preset = preset_of(entry.name, name)
    except UserError as error:
        problems.add(("preset",), str(error))
        raise Ended from None
    for options in (preset.options, *preset.pairs.values()):
        problems.require(entry.options, options, ("preset",))
    return preset


def _own(problems: Problems, by_pair: ByPair, context: Context) -> Iterator[tuple[Pair, Options]]:
    """The pairs below `by_pair`, whose names are networks of the study."""
    networks = [*context.written["teachers"], *context.written["students"]]
    for teacher, students in by_pair.items():
        for student, options in students.items():
            for place, name in {(teacher,): teacher, (teacher, student): student}.items():
                if name not in networks:
                    hint = f"{did_you_mean(name, networks)}; allowed: {', '.join(networks)}"
                    problems.add(("by_pair", *place), f"{name!r} is in neither teachers nor students{hint}")
            yield (teacher, student), options


def _architectures(pair: Pair, context: Context) -> tuple[str | None, ...]:
    """Those of a teacher and a student; None for what is no single network."""
    networks = {**context.valid["students"], **context.valid["teachers"]}
    return tuple(getattr(networks.get(name), "architecture", None) for name in pair)
