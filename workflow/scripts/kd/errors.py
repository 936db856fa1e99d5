"""The error that users can mend, its text, and the nearest allowed name for a misspelt one."""

import re
from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any


class UserError(Exception):
    """Something the user can mend: one line naming the key or file, what is wrong, what is allowed.

    Foreign text in it cannot write on a terminal: its message is `shown`, line by line.
    """

    def __str__(self) -> str:
        return "\n".join(map(shown, super().__str__().split("\n")))


def shown(text: object) -> str:
    """Foreign text, such as a file's name or a server's answer, on one line of a message.

    What does not print is escaped: line breaks, codes of terminals, marks that turn the direction of writing.
    """
    return "".join(
        sign if sign.isprintable() else sign.encode("unicode_escape").decode("ascii") for sign in str(text)
    )


def without_password(text: object) -> str:
    """A text in which addresses have no name and password, for messages, logs and tables."""
    return re.sub(r"//[^/?#\s]*@", "//", str(text))


def did_you_mean(name: Any, allowed: Iterable[str]) -> str:
    """ "; did you mean …?" with the allowed name that is nearest, or nothing where none is near."""
    close = get_close_matches(str(name), list(allowed), n=1, cutoff=0.6)
    return f"; did you mean {close[0]!r}?" if close else ""
