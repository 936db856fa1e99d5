"""Which classifiers a library has, read from its own source: importing it would take seconds."""

import re
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from kd import registry
from kd.errors import UserError, near


@cache
def names(package: str) -> frozenset[str]:
    """What the installed package of a library calls its classifiers; see kd.registry for how they are found.

    What stands behind a dot is a variant of the name before, and counts only where that is one.
    """
    found = frozenset(
        name
        for pattern, expressions in registry.libraries()[package].constants["NAMES"].items()
        for place in find_spec(package).submodule_search_locations
        for path in Path(place).glob(pattern)
        for expression in expressions
        for name in re.findall(expression, path.read_text(encoding="utf-8"))
    )
    return frozenset(name for name in found if name.partition(".")[0] in found)


def find_classifier(name: str) -> registry.Entry:
    """The architecture "package/name" of a config.

    Raises UserError that says what is wrong: no such library, one that is not installed, no such name in it.
    """
    package, _, inside = name.partition("/")
    if package not in (known := registry.libraries()):
        text = f"there is no library {package!r}{near(package, known)}; allowed: {', '.join(sorted(known))}"
        raise UserError(text)
    entry = registry.find_architecture(name)
    found, (before, _, variant) = names(package), inside.partition(".")
    # Some variants are made by loops, of other names: any that the source knows may be one of this name.
    if before not in found or variant not in {each.partition(".")[2] for each in found}:
        raise UserError(f"{package} has no classifier {inside!r}{near(inside, found)}")
    return entry
