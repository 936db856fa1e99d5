"""The error that users can mend, its text, and the nearest allowed name for a misspelt one."""

import re
from collections.abc import Iterable
from difflib import get_close_matches


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


def plain(name: object) -> str:
    """A name as it is compared with others: without regard to case, "-", "_" and other signs."""
    return re.sub(r"[\W_]+", "", str(name).lower())


def nearest(name: object, allowed: Iterable[str], count: int = 1) -> list[str]:
    """The allowed names that are nearest to a misspelt one, at most `count`, the nearest first."""
    forms: dict[str, str] = {}
    for other in allowed:
        forms.setdefault(plain(other), other)
    return [forms[form] for form in get_close_matches(plain(name), forms, n=count, cutoff=0.6)]


def did_you_mean(name: object, allowed: Iterable[str]) -> str:
    """ "; did you mean …?" with the allowed name that is nearest, or nothing where none is near."""
    return "".join(f"; did you mean {other!r}?" for other in nearest(name, allowed))
