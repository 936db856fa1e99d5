"""Which classifiers a library has, read from its own source: importing it would take seconds."""

import re
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from kd import registry
from kd.errors import UserError, did_you_mean


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
    installed, no such name in it.
    """
    entry = registry.find_architecture(name)
    if entry.inside:
        package, _, inside = name.partition("/")
        classifiers, (before, _, variant) = names(package), inside.partition(".")
        # Some variants are made by loops, of other names: any that the source knows may be one of this name.
        if before not in classifiers or variant not in {name.partition(".")[2] for name in classifiers}:
            raise UserError(f"{package} has no classifier {inside!r}{did_you_mean(inside, classifiers)}")
    return entry
