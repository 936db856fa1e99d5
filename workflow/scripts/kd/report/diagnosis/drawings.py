"""The drawings of a diagnosis as SVG inside its page, which gives them their colours (page.css)."""

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from kd.report.html import drawing, tag, text
from kd.results.format import shortened

WIDTH, BAR = 204, 10  # of a chart of probabilities, and the height of a bar in it
LETTER, AFTER, BELOW_BARS = 6.8, 29, 16  # room for a letter of a name, a number after a bar, the axis
LONGEST = 12  # letters of a name in it
BARS = 12  # classes in it; of more those that are believed in most


def charts(image: Mapping[str, Any], classes: Sequence[str]) -> list[tuple[str, Markup]]:
    """The temperatures of an image of a diagnosis, each with its chart."""
    shown = _believed(image, len(classes))
    names = [classes[place] for place in shown] + ["others"] * (len(shown) < len(classes))
    drawn = []
    for at in image["temperatures"]:
        teacher, own = (_picked(at[who], shown) for who in ("teacher", "student"))
        chart = probabilities(names, teacher, own, shown.index(image["true"]))
        drawn.append((f"{at['temperature']:g}", chart))
    return drawn


def _believed(image: Mapping[str, Any], classes: int) -> list[int]:
    """The classes of a chart, in order: all, or of many the true one and those most likely to either."""
    if classes <= BARS:
        return list(range(classes))
    first = image["temperatures"][0]
    sides = [first[who] for who in ("teacher", "student") if first[who]]
    likely = sorted(range(classes), key=lambda place: -max(side[place] for side in sides))
    return sorted({image["true"], *likely[: BARS - 2]})


def _picked(probabilities: Sequence[float] | None, shown: Sequence[int]) -> list[float] | None:
    """Those of the classes that are shown, and the sum of the others, where there are some."""
    if probabilities is None:
        return None
    picked = [probabilities[place] for place in shown]
    return picked + [max(0.0, 1 - sum(picked))] * (len(shown) < len(probabilities))


def probabilities(
    names: Sequence[str], teacher: Sequence[float] | None, own: Sequence[float], true: int
) -> Markup:
    """For each of the classes `names` the teacher's probability, if there is a teacher, and the network's.

    `true`: the place of the class that it is, which is underlined.
    """
    sides = {"student": own} if teacher is None else {"teacher": teacher, "student": own}
    lines, row = [], BAR * len(sides) + 3
    left, height = 10 + LETTER * min(LONGEST, max(map(len, names))), row * len(names)
    parts = []
    for share in (0, 0.5, 1):
        at = left + share * (WIDTH - AFTER - left)
        parts.append(tag("line", class_="grid", x1=at, y1=0, x2=at, y2=height + 3))
        parts.append(text(f"{share:.0%}", at, height + BELOW_BARS - 2, "middle"))
    for place, name in enumerate(names):
        shares = {who: side[place] for who, side in sides.items()}
        both = ", ".join(f"{who} {share:.1%}" for who, share in shares.items())
        lines.append(f"{name}: {f'{own[place]:.1%}' if teacher is None else both}")
        mark = "end true" if place == true else "end"
        parts.append(tag("g", tag("title", lines[-1]), *_row(left, row * place, name, shares, mark)))
    return drawing(parts, WIDTH, height + BELOW_BARS, "bars", "; ".join(lines))


def _row(left: float, top: float, name: str, shares: Mapping[str, float], mark: str) -> list[Markup]:
    """A class: its name, and from `left` on a bar for each of who believes in it, with its number."""
    wide = WIDTH - AFTER - left
    parts = [text(shortened(name, LONGEST), left - 5, top + BAR * len(shares) / 2 + 5, mark)]
    for place, (who, share) in enumerate(shares.items()):
        y = top + 1.5 + BAR * place
        parts.append(tag("rect", class_=who, x=left, y=y, width=wide * share, height=BAR - 1))
        if share >= 0.005:
            parts.append(text(f"{share:.0%}", left + wide * share + 3, y + BAR - 2, f"start number {who}"))
    return parts


def bar(value: float) -> Markup:
    """A bar beside a number that says the same: 0 to 100."""
    return _strip(tag("rect", class_="student", x=0, y=0, width=value, height=10))


def gain_strip(mean: float, seeds: Sequence[float | None], most: float, kind: str) -> Markup:
    """A bar from the middle to the mean, and a line for every seed: from -`most` to `most`."""
    scale = 50 / most if most else 0
    width = scale * abs(mean)
    left = 50 if mean > 0 else 50 - width
    lines = [
        ("axis", 50.0),
        *(("seed", 50 + scale * gain) for gain in seeds if gain is not None and len(seeds) > 1),
    ]
    upright = [
        tag("line", class_=name, x1=x, y1=0, x2=x, y2=10, vector_effect="non-scaling-stroke")
        for name, x in lines
    ]
    return _strip(tag("rect", class_=kind or "even", x=left, y=1.5, width=width, height=7), *upright)


def _strip(*parts: Markup) -> Markup:
    about = {"viewBox": "0 0 100 10", "preserveAspectRatio": "none", "aria_hidden": "true"}
    return tag("svg", *parts, class_="bar", **about)
