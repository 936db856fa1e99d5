"""Numbers as the text of a table's cell; a missing number is a dash."""

import math

import pandas as pd

from kd.roles import DISTILLED_STUDENT, LABELS, WITHOUT_TEACHER

DASH = "\N{EN DASH}"
MINUS = "\N{MINUS SIGN}"  # as wide as a plus, unlike the hyphen
_PREFIXES = ("", " k", " M", " G", " T", " P")


def number(value: float, digits: int = 2) -> str:
    """`value` with `digits` decimals, never `-0.00`; a dash where there is none."""
    return DASH if pd.isna(value) else f"{value:z.{digits}f}"


def percent(value: float) -> str:
    """`92.36 %`, a dash where there is none."""
    return DASH if pd.isna(value) else f"{value:.2f} %"


def with_sd(value: float, sd: float, digits: int = 2) -> str:
    """`91.57 (sd 0.79)`: a mean and the standard deviation over seeds, where that is known."""
    if pd.isna(value):
        return DASH
    return f"{value:.{digits}f}" + ("" if pd.isna(sd) else f" (sd {sd:.{digits}f})")


def interval(value: float, half_width: float, digits: int = 2) -> str:
    """`[0.84, 5.76]`: from value − half_width to value + half_width; a dash where either is unknown."""
    if pd.isna(value) or pd.isna(half_width):
        return DASH
    low, high = (f"{value + sign * half_width:z.{digits}f}" for sign in (-1, 1))  # z: no minus before 0.00
    return f"[{low}, {high}]".replace("-", MINUS)


def with_interval(value: float, half_width: float, digits: int = 2) -> str:
    """`+3.30 [0.84, 5.76]`: a difference and its 95 % interval, where that is known."""
    text = signed(value, digits)
    return text if pd.isna(value) or pd.isna(half_width) else f"{text} {interval(value, half_width, digits)}"


def signed(value: float, digits: int = 2) -> str:
    """`+1.23`, with a minus as wide as the plus; a dash where there is none."""
    return DASH if pd.isna(value) else f"{value:+z.{digits}f}".replace("-", MINUS)


def verdict(gain: float, half_width: float) -> str:
    """`▲` if the whole interval gain ± half_width lies above 0, `▼` if below, else nothing."""
    if pd.isna(gain) or pd.isna(half_width) or abs(gain) <= half_width:
        return ""
    return "▲" if gain > 0 else "▼"


def count(value: float) -> str:
    """`1,442` in full below a million, `11.17 M` above."""
    return f"{value:,.0f}" if not pd.isna(value) and value < 1e6 else quantity(value, 4)


def quantity(value: float, digits: int) -> str:
    """`value` with a decimal prefix and `digits` significant digits: 11173962 is `11.17 M` with 4."""
    if pd.isna(value):
        return DASH
    if value < 1000:
        return f"{value:.0f}"
    rounded = float(f"{value:.{digits}g}")  # first: 999999 is 1.000 M, not 1000 k
    power = int(math.log10(rounded)) // 3
    return f"{rounded / 1000**power:#.{digits}g}".rstrip(".") + _PREFIXES[power]


def duration(seconds: float) -> str:
    """`12.3 s`, `4 min 05 s` or `2 h 13 min`, whichever reads best."""
    if pd.isna(seconds):
        return DASH
    if round(seconds, 1) < 60:
        return f"{seconds:.1f} s"
    if round(seconds) < 3600:
        return "{} min {:02d} s".format(*divmod(round(seconds), 60))
    return "{} h {:02d} min".format(*divmod(round(seconds / 60), 60))


def size(count: int) -> str:
    """`7.3 kB`, `11.2 MB`: bytes as people read them."""
    return f"{count / 1e6:.1f} MB" if count >= 1e6 else f"{count / 1e3:.1f} kB"


def shortened(name: str, most: int) -> str:
    """A name of `most` letters at most."""
    return name if len(name) <= most else f"{name[: most - 1]}…"


def title(role: str, name: str, teacher: str, method: str) -> str:
    """What a row is called: `resnet18 (teacher)`, `cnn (baseline)`, `cnn from vgg16 by kd`, `cnn by tfkd`."""
    if role != DISTILLED_STUDENT:
        return f"{name} ({LABELS[role]})"
    return f"{name}{'' if teacher == WITHOUT_TEACHER else f' from {teacher}'} by {method}"
