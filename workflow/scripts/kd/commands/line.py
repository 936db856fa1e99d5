"""What the command lines of these commands share: the study's name, and errors as one line."""

import argparse
import sys
from collections.abc import Callable

from kd.errors import UserError

STOPPED = 130  # the exit status of a program that Ctrl-C ends


def study_parser(description: str | None) -> argparse.ArgumentParser:
    """A parser of a command line that may name a study."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("study", nargs="?", default="", help="its name; without one, the default study")
    return parser


def on_command_line(main: Callable[..., int | None], parser: argparse.ArgumentParser) -> int:
    """Call `main` with the options of the command line; the exit status, 1 after one line for a UserError."""
    options = vars(parser.parse_args())
    try:
        return main(**options) or 0
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return STOPPED


def whole(text: str) -> int:
    """A whole number of 0 or more."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"should be a whole number (it is {text!r})")
    return int(text)


def cores_of(text: str) -> str:
    """`all`, or a number of cores."""
    if text != "all" and not whole(text):
        raise argparse.ArgumentTypeError("should be 'all', or 1 or more")
    return text
