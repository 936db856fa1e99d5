"""Names from a file of the user's, as messages show them."""

from collections.abc import Iterable

SHOWN = 3  # names of a kind in a message; the rest is counted
LONGEST = 80  # signs of a name in a message


def plain(name: str) -> str:
    """A name from elsewhere, without what a terminal would obey."""
    signs = (sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in name)
    return "".join(signs)[:LONGEST]


def few(names: Iterable[str]) -> str:
    """The first of these names, and how many more there are; nothing if there are none."""
    names = list(names)
    rest = len(names) - SHOWN
    return ", ".join(map(plain, names[:SHOWN])) + (f" and {rest} more" if rest > 0 else "")
