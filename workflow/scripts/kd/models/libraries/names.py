"""Which classifiers a library has, read from its own source: importing it would take seconds."""

import re
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from kd import registry
from kd.errors import UserError, did_you_mean, nearest, plain

FEW = 2  # suggestions at most
SHORTEST = 4  # letters that the beginning of a name must have to be completed


@cache
def names(package: str) -> frozenset[str]:
    """What the installed package of a library calls its classifiers; see kd.registry for where they are read.

    What stands behind a dot is a variant of the name before, and counts only where that is one.
    """
    matches = frozenset(
        name
        for pattern, expressions in registry.find_library(package).constants["NAMES"].items()
        for place in find_spec(package).submodule_search_locations
        for path in Path(place).glob(pattern)
        for expression in expressions
        for name in re.findall(expression, path.read_text(encoding="utf-8"))
    )
    return frozenset(name for name in matches if name.partition(".")[0] in matches)


def known_architecture(name: Any) -> registry.Entry:
    """The architecture of a config: of this name, or "package/name" of a library.

    Raises UserError that says what is wrong: no such architecture, no such library, one that is not
    installed, no such name in it. A name that only a library has is suggested with the library before it.
    """
    try:
        entry = registry.find_architecture(name)
    except UserError:
        if not isinstance(name, str) or "/" in name:
            raise
        likely = suggestions(name)
        hint = f"; did you mean architecture: {' or '.join(likely)}?" if likely else ""
        error = registry.missing("architecture", name, registry.architectures(), hint)
        packages = [f"{package}/<name>" for package in registry.libraries()]
        raise UserError(f"{error}, {', '.join(packages)}") from None
    if entry.inside:
        package, _, inside = name.partition("/")
        classifiers, (before, _, variant) = names(package), inside.partition(".")
        # Some variants are made by loops, of other names: any that the source knows may be one of this name.
        if before not in classifiers or variant not in {name.partition(".")[2] for name in classifiers}:
            raise UserError(f"{package} has no classifier {inside!r}{did_you_mean(inside, classifiers)}")
    return entry


def suggestions(name: str) -> list[str]:
    """Classifiers "package/name" of installed libraries that an unknown architecture may mean.

    None where one of this project is nearer. Reads the libraries' sources, so it is for errors alone.
    """
    form, own = plain(name), registry.architectures()
    if any(plain(other).startswith(form) for other in own):
        return []
    places = _places()
    begun = [place for place, other in places.items() if other.startswith(form) and len(form) >= SHORTEST]
    if likely := same_name(name) or begun or nearest(name, own):
        return [place for place in likely if place in places][:FEW]
    near = nearest(name, places.values())
    return [place for place, other in places.items() if other in near][:FEW]


def same_name(name: str) -> list[str]:
    """Classifiers "package/name" of installed libraries that have this name there."""
    return [place for place, other in _places().items() if other == plain(name)]


def _places() -> dict[str, str]:
    """Every classifier "package/name" of an installed library, and its name as it is compared."""
    # Torchvision first, for it is always installed.
    packages = sorted(registry.libraries(), key=lambda package: package != "torchvision")
    installed = [package for package in packages if find_spec(package)]
    return {f"{package}/{name}": plain(name) for package in installed for name in sorted(names(package))}
