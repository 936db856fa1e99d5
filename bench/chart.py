"""How many times as long the usual loops take: a bar for each network and pair, as one figure."""

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from bench.cells import times
from kd.plots.style import DISTILLED, WIDTH, short, styled

Row = Mapping[str, Any]
TITLES = {
    "training": "training: a step of the usual loop over one of ours",
    "distillation": "distilling: live teacher in the usual loop over ours, all costs in",
}
FILLS = {"training": "#7a9cc6", "distillation": DISTILLED}  # both light enough for black marks
# What a row may have besides its ratio: how that is drawn, and what it means.
MARKS = {
    "tuned_ratio": ({"marker": "D", "markersize": 5, "mfc": "white"}, "◇ the tuned loop over ours"),
    "ceiling": ({"marker": "|", "markersize": 13, "mew": 2}, "| ceiling by work alone"),
}


@styled
def draw(results: Mapping[str, Any]) -> Figure | None:
    """A panel for training and one for distillation, as far as they were measured; None if neither was."""
    panels = {section: results[section] for section in TITLES if results.get(section)}
    if not panels:
        return None
    heights = [len(rows) + 1.6 for rows in panels.values()]
    figure = Figure(figsize=(WIDTH, 1.0 + 0.3 * sum(heights)), layout="constrained")
    axes = figure.subplots(len(panels), 1, squeeze=False, height_ratios=heights)[:, 0]
    for ax, (section, rows) in zip(axes, panels.items(), strict=True):
        _draw_panel(ax, section, rows)
    figure.supxlabel(_key(panels), fontsize=9)
    figure.suptitle(_machine(results), fontsize=9)
    return figure


def _draw_panel(ax: Axes, section: str, rows: Sequence[Row]) -> None:
    for y, row in enumerate(rows):
        _draw_row(ax, y, row, FILLS[section])
    ax.axvline(1, color="0.25", lw=1.2, zorder=3)
    places = range(len(rows))
    ax.set_yticks(places, [_label(row) for row in rows])
    # The numbers stand in a column of their own, where no mark can run into them.
    numbers = ax.secondary_yaxis("right")
    numbers.set_yticks(places, [_number(row) for row in rows])
    numbers.spines["right"].set_visible(False)
    for axis in (ax, numbers):
        axis.tick_params(axis="y", length=0)
    ax.set_ylim(len(rows) - 0.4, -0.6)  # the first row on top
    ax.set_xlim(0, 1.03 * max(1.0, *map(_end, rows)))
    ax.xaxis.set_major_locator(MaxNLocator(8, steps=[1, 2, 5, 10]))
    ax.xaxis.set_major_formatter("{x:g}×")
    ax.grid(axis="x")
    ax.set_title(TITLES[section], loc="left")


def _draw_row(ax: Axes, y: int, row: Row, fill: Any) -> None:
    ratio = row["ratio"]
    ax.barh(y, ratio["median"], height=0.62, color=fill)
    spread = [[ratio["median"] - ratio["low"]], [ratio["high"] - ratio["median"]]]
    ax.errorbar(ratio["median"], y, xerr=spread, color="black", capsize=3, lw=1.3)
    for key, (look, _) in MARKS.items():
        if key in row:
            ax.plot(_median(row[key]), y, color="black", ls="", zorder=4, **look)


def _end(row: Row) -> float:
    """How far to the right a row's marks reach."""
    return max(row["ratio"]["high"], *(_median(row.get(key, 0)) for key in MARKS))


def _median(value: Any) -> float:
    return value["median"] if isinstance(value, Mapping) else value


def _label(row: Row) -> str:
    if "teacher" in row:
        return f"{short(row['teacher'])} →\n{row['students']} {short(row['student'])}"
    return short(row["network"])


def _number(row: Row) -> str:
    ceiling = f" of {times(row['ceiling'])}" if "ceiling" in row else ""
    return times(row["ratio"]["median"]) + ceiling


def _key(panels: Mapping[str, Sequence[Row]]) -> str:
    """What the marks mean, of those that occur."""
    rows = [row for panel in panels.values() for row in panel]
    marks = [text for key, (_, text) in MARKS.items() if any(key in row for row in rows)]
    return "; ".join(["bars: median, whiskers: range", *marks])


def _machine(results: Mapping[str, Any]) -> str:
    machine = results["machine"]
    if machine["device"] != machine["processor"]:
        return machine["device"]
    return f"{machine['processor']}, {machine['cores']} cores"
