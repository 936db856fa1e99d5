"""One method of the code in an entry of `methods:`, and what several that add up may be."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from kd.config.problems import Problems
from kd.config.study.networks import Pair
from kd.registry import Entry

Options = Mapping[str, Any]


@dataclass(frozen=True)
class Part:
    """A method of the code with all its options, and those of the pairs that have others."""

    entry: Entry
    options: Options
    by_pair: Mapping[Pair, Options] = field(default_factory=dict)


def variants_of(parts: Sequence[Part]) -> dict[Pair | None, list[tuple[str, Options]]]:
    """The names of the parts with their options: of all pairs (None), and of those that have others."""
    pairs = dict.fromkeys(pair for part in parts for pair in part.by_pair)
    return {
        pair: [(part.entry.name, part.by_pair.get(pair, part.options)) for part in parts]
        for pair in (None, *pairs)
    }


def check_one_above_zero(problems: Problems, entry: Entry, options: Options, place: tuple = ()) -> None:
    """Report a method whose every term has the weight 0."""
    weights = entry.constants.get("ONE_ABOVE_ZERO", ())
    if weights and not any(options[name] > 0 for name in weights):
        they = f"{' and '.join(weights)} are {'both' if len(weights) == 2 else 'all'} 0"
        they = f"{weights[0]} is 0" if len(weights) == 1 else they
        problems.add(place, f"{they}, so nothing would be learnt; one of them must be above 0")


def check_first_epochs(problems: Problems, options: Options, place: tuple = ()) -> None:
    """Report a learning rate of first epochs that there are none of."""
    if options.get("init_lr") and not options["init_epochs"]:
        problems.add((*place, "init_lr"), "is the learning rate of first epochs, and init_epochs is 0")


def check_sum(problems: Problems, parts: Sequence[Part]) -> None:
    """Report what one method may be and several at once may not."""
    names = [part.entry.name for part in parts]
    if repeated := {name for name in names if names.count(name) > 1}:
        problems.add((), f"{', '.join(sorted(repeated))} is there more than once; each method may be once")
    for part in parts[1:]:
        if part.entry.constants.get("ONLY_CE"):
            text = "is a cross-entropy and nothing else, and a sum has that of its first method; put it first"
            problems.add((part.entry.name,), text)
    changing = [part.entry.name for part in parts if part.entry.constants.get("CHANGES_STUDENT")]
    if len(set(changing)) > 1:
        text = "give the student other layers; a sum may have one of them"
        problems.add((), f"{' and '.join(changing)} {text}")
    kinds = {part.entry.name: kind for part in parts if (kind := part.entry.constants.get("COMPANIONS"))}
    if len(set(kinds.values())) > 1:
        text = "show a second image beside each, of different kinds; not in one sum"
        problems.add((), f"{' and '.join(kinds)} {text}")
    for variant in variants_of(parts).values():
        first = {name: options for name, options in variant if options.get("init_epochs")}
        for key, otherwise in (("init_epochs", ", or 0"), ("init_lr", "")):
            values = {name: options.get(key) for name, options in first.items()}
            if len(set(values.values())) > 1:
                shown = ", ".join(f"{name} {value or 'none'}" for name, value in values.items())
                problems.add((), f"{key} differ ({shown}); in a sum they must be equal{otherwise}")
