"""The drawings of a diagnosis as SVG inside its page, which gives them their colours (page.css)."""

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from kd.report.svg import tag

LEFT, TOP, SIDE = 40, 8, 232  # of the reliability diagram: margins, and the square
FEW = 10  # images in a bin, below which it is pale: what share of them is right is mostly chance
BELOW = TOP + SIDE + 50  # where the bars of the counts stand
COUNTS = 22  # their height
WIDTH, BAR = 204, 10  # of a chart of probabilities, and the height of a bar in it
LETTER, AFTER, BELOW_BARS = 6.8, 29, 16  # room for a letter of a name, a number after a bar, the axis
LONGEST = 12  # letters of a name in it


def reliability(bins: Sequence[Mapping[str, Any]], ece: float) -> Markup:
    """Bars of how often a network is right, by how sure it is; their gap to the diagonal; counts below."""
    most = max(each["count"] for each in bins)
    parts = [tag("line", class_="grid", x1=LEFT, y1=_y(at), x2=LEFT + SIDE, y2=_y(at)) for at in (0, 0.5, 1)]
    for at in (0, 0.5, 1):
        parts.append(_text(f"{at:.0%}", LEFT - 5, _y(at) + 4, "end"))
        parts.append(_text(f"{at:.0%}", LEFT + at * SIDE, BELOW + 14, "middle"))
    parts += [_bin(each, most) for each in bins if each["count"]]
    parts.append(tag("line", class_="ideal", x1=LEFT, y1=_y(0), x2=LEFT + SIDE, y2=_y(1)))
    parts.append(tag("line", class_="axis", x1=LEFT, y1=BELOW, x2=LEFT + SIDE, y2=BELOW))
    parts.append(_text(f"images, {most:,} at most", LEFT, TOP + SIDE + 20, "start"))
    parts.append(_text("how sure it is", LEFT + SIDE / 2, BELOW + 29, "middle"))
    said = f"Reliability diagram: expected calibration error {ece:.2f} %"
    return _drawing(parts, LEFT + SIDE + 22, BELOW + 34, "reliability", said)


def _y(share: float) -> float:
    return TOP + SIDE * (1 - share)


def _bin(each: Mapping[str, Any], most: int) -> Markup:
    low, high = sorted((each["accuracy"], each["confidence"]))
    place = {"x": LEFT + each["low"] * SIDE + 1, "width": (each["high"] - each["low"]) * SIDE - 2}
    count = max(1.0, COUNTS * each["count"] / most)
    said = f"{each['count']:,} images, {each['confidence']:.1%} sure on average, {each['accuracy']:.1%} right"
    gap = "over" if each["confidence"] > each["accuracy"] else "under"
    return tag(
        "g",
        tag("title", said),
        tag("rect", class_="right", **place, y=_y(low), height=SIDE * low),
        tag("rect", class_=gap, **place, y=_y(high), height=SIDE * (high - low)),
        tag("rect", class_="count", **place, y=BELOW - count, height=count),
        **({"class_": "few"} if each["count"] < FEW else {}),
    )


def probabilities(
    names: Sequence[str], teacher: Sequence[float] | None, own: Sequence[float], true: int
) -> Markup:
    """For each of the classes `names` the teacher's probability, if there is a teacher, and the network's.

    `true`: the place of the class that it is, which is underlined.
    """
    said, row = [], BAR * (1 if teacher is None else 2) + 3
    left, height = 10 + LETTER * min(LONGEST, max(map(len, names))), row * len(names)
    parts = []
    for share in (0, 0.5, 1):
        at = left + share * (WIDTH - AFTER - left)
        parts.append(tag("line", class_="grid", x1=at, y1=0, x2=at, y2=height + 3))
        parts.append(_text(f"{share:.0%}", at, height + BELOW_BARS - 2, "middle"))
    for place, name in enumerate(names):
        shares = {"student": own[place]}
        text = f"{own[place]:.1%}"
        if teacher is not None:
            shares = {"teacher": teacher[place]} | shares
            text = ", ".join(f"{who} {share:.1%}" for who, share in shares.items())
        said.append(f"{name}: {text}")
        mark = "end true" if place == true else "end"
        parts.append(tag("g", tag("title", said[-1]), *_row(left, row * place, name, shares, mark)))
    return _drawing(parts, WIDTH, height + BELOW_BARS, "bars", "; ".join(said))


def _row(left: float, top: float, name: str, shares: Mapping[str, float], mark: str) -> list[Markup]:
    """A class: its name, and from `left` on a bar for each of who believes in it, with its number."""
    wide = WIDTH - AFTER - left
    short = name if len(name) <= LONGEST else f"{name[: LONGEST - 1]}…"
    parts = [_text(short, left - 5, top + BAR * len(shares) / 2 + 5, mark)]
    for place, (who, share) in enumerate(shares.items()):
        y = top + 1.5 + BAR * place
        parts.append(tag("rect", class_=who, x=left, y=y, width=wide * share, height=BAR - 1))
        if share >= 0.005:
            parts.append(_text(f"{share:.0%}", left + wide * share + 3, y + BAR - 2, f"start number {who}"))
    return parts


def bar(value: float) -> Markup:
    """A bar beside a number that says the same: 0 to 100."""
    return _strip(tag("rect", class_="student", x=0, y=0, width=value, height=10))


def gain_bar(value: float, most: float, kind: str) -> Markup:
    """A bar from the middle to the left or right, beside a number from -`most` to `most`."""
    width = 50 * abs(value) / most if most else 0
    left = 50 if value > 0 else 50 - width
    middle = tag("line", class_="axis", x1=50, y1=0, x2=50, y2=10, vector_effect="non-scaling-stroke")
    return _strip(tag("rect", class_=kind or "even", x=left, y=0, width=width, height=10), middle)


def _strip(*parts: Markup) -> Markup:
    about = {"viewBox": "0 0 100 10", "preserveAspectRatio": "none", "aria_hidden": "true"}
    return tag("svg", *parts, class_="bar", **about)


def _drawing(parts: Sequence[Markup], width: float, height: float, kind: str, said: str) -> Markup:
    about = {"viewBox": f"0 0 {width} {height}", "role": "img", "aria_label": said}
    return tag("svg", *parts, class_=kind, **about)


def _text(text: str, x: float, y: float, kind: str) -> Markup:
    return tag("text", text, x=x, y=y, class_=kind)
