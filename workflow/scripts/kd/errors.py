"""The error that users can mend, and the nearest allowed name for a misspelt one."""

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any


class UserError(Exception):
    """Something the user can mend: one line naming the key or file, what is wrong, what is allowed."""


def did_you_mean(name: Any, allowed: Iterable[str]) -> str:
    """ "; did you mean …?" with the allowed name that is nearest, or nothing where none is near."""
    close = get_close_matches(str(name), list(allowed), n=1, cutoff=0.6)
    return f"; did you mean {close[0]!r}?" if close else ""
