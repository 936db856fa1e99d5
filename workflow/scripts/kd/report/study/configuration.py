"""How a study was configured, when it ran, and how to repeat it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from markupsafe import Markup

from kd.report.html import headings, row, table, tag
from kd.results.format import DASH, duration
from kd.results.metrics import Metrics
from kd.settings.recipe import ALWAYS_KEPT, Recipe, default_recipe

CHANGED = "x-changed"  # of config.resolved.yaml: what differs from the defaults
RECIPE = tuple(Recipe.model_fields)


@dataclass(frozen=True)
class Timing:
    """When the trainings of a study ran, in UTC; nothing but `compute` where their records have no dates."""

    compute: float  # seconds of all trainings
    wall: float = 0.0  # seconds in which one at least was running
    first: datetime | None = None
    last: datetime | None = None

    @property
    def when(self) -> str:
        """`2026-11-27, 16 min 20 s`."""
        if not self.first or not self.last:
            return f"{duration(self.compute)} of training"
        days = [self.first.date().isoformat(), self.last.date().isoformat()]
        return f"{' to '.join(dict.fromkeys(days))}, {duration(self.wall)}"

    @property
    def lines(self) -> dict[str, str]:
        """The same in full."""
        facts = {"compute time": f"{duration(self.compute)}, the sum over all trainings"}
        if not self.first or not self.last:
            return facts
        texts = [time.strftime("%Y-%m-%d %H:%M UTC") for time in (self.first, self.last)]
        return {
            "date": f"first training started {texts[0]}, last ended {texts[1]}",
            "wall time": f"{duration(self.wall)} in which a training was running",
        } | facts


def timing_of(runs: Sequence[Metrics]) -> Timing:
    """From what each run recorded: when it ended, and how long it took."""
    compute = sum(run.seconds for run in runs)
    if not all(run.finished for run in runs):
        return Timing(compute)
    spans = sorted((_time(run) - timedelta(seconds=run.seconds), _time(run)) for run in runs)
    wall, until = 0.0, spans[0][0]
    for start, end in spans:
        wall += max(0.0, (end - max(start, until)).total_seconds())
        until = max(until, end)
    return Timing(compute, wall, spans[0][0], until)


def _time(run: Metrics) -> datetime:
    return datetime.fromisoformat(run.finished or "")


def differences(settings: Mapping[str, Any]) -> Markup:
    """The table of what differs from the defaults; empty where nothing does."""
    lines = [
        row(key, [tag("td", _text(both[part]), class_="words") for part in ("value", "default")])
        for key, both in settings.get(CHANGED, {}).items()
    ]
    columns = [*headings(["key"]), *_words("value", "default")]
    return table("What differs from the defaults", columns, lines, kind="settings") if lines else Markup("")


def hyperparameters(settings: Mapping[str, Any]) -> Markup:
    """The recipe and options of each network; what differs from the default of the recipe is bold."""
    sides = {side: settings.get(side, {}) for side in ("teachers", "students")}
    entries = [entry for side in sides.values() for entry in side.values()]
    keys = [key for key in RECIPE if any(_is_shown(key, entry) for entry in entries)]
    bodies = []
    for side, networks in sides.items():
        lines = [_network(name, entry, keys) for name, entry in networks.items()]
        bodies.append([_group(side.capitalize(), len(keys) + 2), *lines])
    columns = headings(["network", *(key.replace("_", " ") for key in keys)])
    return table(
        "Hyperparameters of each network",
        columns + _words("architecture", "options"),
        *bodies,
        kind="settings",
    )


def _words(*names: str) -> list[Markup]:
    """The headings of columns of words."""
    return [tag("th", name, class_="words", scope="col") for name in names]


def _group(name: str, columns: int) -> Markup:
    heading = tag("th", name, class_="name", scope="rowgroup")
    return tag("tr", heading, tag("td", colspan=columns), class_="group")


def _usual(entry: Mapping[str, Any]) -> dict[str, Any]:
    return default_recipe(entry.get("pretrained"), entry.get("optimizer", "sgd"))


def _is_shown(key: str, entry: Mapping[str, Any]) -> bool:
    """Newer keys have a column only where some network sets them."""
    return key in entry and (key in ALWAYS_KEPT or entry[key] != _usual(entry)[key])


def _network(name: str, entry: Mapping[str, Any], keys: Sequence[str]) -> Markup:
    cells, usual = [], _usual(entry)
    for key in keys:
        text = _text(entry[key]) if key in entry else DASH
        cells.append(tag("td", tag("b", text) if key in entry and entry[key] != usual[key] else text))
    others = {key: value for key, value in entry.items() if key not in RECIPE and key != "architecture"}
    words = [str(entry.get("architecture", DASH)), options_text(others)]
    return row(name, [*cells, *(tag("td", text, class_="words") for text in words)])


def methods(settings: Mapping[str, Any]) -> Markup:
    """The options of each method, and the sweeps."""
    lines = []
    for name, entry in {**settings.get("methods", {}), **settings.get("sweep", {})}.items():
        options = {key: value for key, value in entry.items() if (key, value) != ("method", name)}
        lines.append(row(name, [tag("td", options_text(options), class_="words")]))
    columns = [*headings(["method"]), *_words("options")]
    return table("Options of each method", columns, lines, kind="settings") if lines else Markup("")


def options_text(options: Mapping[str, Any]) -> str:
    """`width 0.25, seed 1000`; a dash where there are none."""
    return ", ".join(f"{key} {_text(value)}" for key, value in options.items()) or DASH


def _text(value: Any) -> str:
    match value:
        case None:
            return "none"
        case bool():
            return "yes" if value else "no"
        case float():
            return f"{value:g}"
        case Mapping():
            return "; ".join(f"{key}: {_text(inside)}" for key, inside in value.items())
        case list() | tuple():
            return f"[{', '.join(map(_text, value))}]"
    return str(value)
