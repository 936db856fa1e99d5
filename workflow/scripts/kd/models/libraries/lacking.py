"""What methods ask of networks and some of a library lack, by their names: a config is checked without torch.

A method asks for it by its constants ASKS_TEACHER and ASKS_STUDENT. It refuses by itself, when it is
prepared, a network of which no name tells.
"""

from collections.abc import Iterable, Mapping
from fnmatch import fnmatch

from kd.registry import find_library, find_method

TEXTS = {
    "relu": "which has GELU and no ReLU",
    "maps": "whose classifier reads a class token",
    "classifier": "which has two classifiers",
    "entry": "whose later stages take a class token",
}
_ASKS = {"teachers": "ASKS_TEACHER", "students": "ASKS_STUDENT"}


def lacking(architecture: str) -> list[str]:
    """Which of TEXTS an architecture lacks: "package/name", or one of this project, which lacks none."""
    package, inside, name = architecture.partition("/")
    if not inside:
        return []
    known = find_library(package).constants["LACKS"]
    return [what for what, names in known.items() if any(fnmatch(name, one) for one in names)]


def refusals(methods: Iterable[str], architectures: Mapping[str, str]) -> list[tuple[str, str]]:
    """Which networks lack what methods ask for, and the text of it.

    `architectures`: by the key of a config, such as "teachers.big".
    """
    constants = [find_method(name).constants for name in methods]
    asked = {side: {what for one in constants for what in one.get(key, ())} for side, key in _ASKS.items()}
    return [
        (place, TEXTS[what])
        for place, architecture in architectures.items()
        if asked[place.partition(".")[0]]
        for what in lacking(architecture)
        if what in asked[place.partition(".")[0]]
    ]
