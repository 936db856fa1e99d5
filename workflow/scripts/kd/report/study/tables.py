"""The tables of the report: the ranking, teachers, methods, and everything measured."""

import math
from typing import Any

import pandas as pd
from markupsafe import Markup

from kd.report.html import cell, headings, row, table, tag
from kd.report.study.first.cards import RUNTIMES
from kd.report.study.pairs import Pair, Published, runtime_of
from kd.report.study.sources import Study
from kd.results.format import (
    DASH,
    count,
    interval,
    number,
    signed,
    size,
    verdict,
    with_interval,
    with_sd,
)
from kd.results.table_csv import key_of
from kd.results.text.cells import HEADINGS, measures, ranking, seed_table
from kd.results.text.legend import selects
from kd.results.text.more import more_columns, more_measures
from kd.roles import LABELS, MEAN

EXPLAINED = {
    "NLL": "negative log-likelihood: mean cross-entropy with the labels, in nats",
    "agreement": "share of test images on which student and teacher predict the same class, in per cent",
    "ECE": "expected calibration error, 15 bins, in per cent",
    "MACs": "multiply-accumulate operations for one image",
}


def heading(name: str) -> Markup | str:
    """The name of a column; an abbreviation says what it stands for."""
    return tag("abbr", name, title=EXPLAINED[name]) if name in EXPLAINED else name


def ranked_table(pairs: list[Pair], study: Study) -> Markup:
    """Distilled students in this order, empty if there are none; it can be sorted."""
    if not pairs:
        return Markup("")
    runtime = runtime_of(pairs)
    compared = any(not math.isnan(pair.published.accuracy) for pair in pairs)
    columns = headings(["student"])
    columns += [tag("th", name, class_="words", scope="col") for name in ("teacher", "method")]
    for name in _numbers(pairs[0], runtime, compared):
        order = "descending" if name == "accuracy" else None
        columns.append(tag("th", heading(name), scope="col", data_numbers="", aria_sort=order))
    rows = [_ranked_row(pair, _numbers(pair, runtime, compared), study) for pair in pairs]
    return table("Table of distilled students", columns, rows, id="table", kind="sortable dense")


def _ranked_row(pair: Pair, cells: dict[str, Markup], study: Study) -> Markup:
    """On a narrow screen the teacher and method stand below the student, and their columns are hidden."""
    teacher = pair.key[2]
    below = tag("small", f"{pair.method} from {teacher}", class_="narrow")
    name = study.analysed(pair.student, pair.key) + " " + below
    words = [tag("td", text, class_="words") for text in (teacher, pair.method)]
    return row(name, [*words, *cells.values()], data_name=pair.student)


def _numbers(pair: Pair, runtime: str, compared: bool) -> dict[str, Markup]:
    """The cells of a row that are numbers, by their headings; `compared`: published ones too."""
    gain = f"{verdict(pair.gain, pair.half_width)} {signed(pair.gain)}".strip()
    latency = pair.times[runtime]
    return {
        "accuracy": cell(with_sd(pair.accuracy, pair.sd), pair.accuracy),
        "baseline": cell(with_sd(pair.baseline, pair.baseline_sd), pair.baseline),
        "gain": cell(gain, pair.gain),
        "95 % CI": cell(interval(pair.gain, pair.half_width), pair.gain - pair.half_width),
        **(_published(pair.published) if compared else {}),
        "teacher accuracy": cell(number(pair.teacher_accuracy), pair.teacher_accuracy),
        "agreement": cell(number(pair.agreement), pair.agreement),
        "ECE": cell(number(pair.ece), pair.ece),
        "parameters": cell(count(pair.parameters), pair.parameters),
        "size": cell(number(math.nan) if math.isnan(pair.size) else size(round(pair.size)), pair.size),
        f"{RUNTIMES[runtime]} latency, ms": cell(number(latency, 3), latency),
    }


def _published(published: Published) -> dict[str, Markup]:
    difference = with_interval(published.difference, published.half_width)
    return {
        "published": cell(number(published.accuracy), published.accuracy),
        "difference to published": cell(difference, published.difference),
        "within our interval": cell(published.within or DASH),
    }


def teachers_table(results: pd.DataFrame, study: Study) -> Markup:
    """A row for each teacher: how it was trained, and how well it does; empty if there are none."""
    classic = seed_table(results)
    lines = [
        row(study.analysed(name, ("teacher", name, "", "")), [cell(text) for text in classic[name]])
        for name in classic.columns
    ]
    return table("Table of teachers", headings(["teacher", *classic.index]), lines) if lines else Markup("")


def methods_table(ranked: pd.DataFrame) -> Markup:
    """The methods as kd.results.ranking ranks them; empty if there are not several."""
    methods = ranking(ranked)
    if not methods:
        return Markup("")
    rows = [row(name, map(cell, texts)) for name, *texts in map(dict.values, methods)]
    return table("Table of methods", headings(methods[0]), rows)


def full_table(results: pd.DataFrame, study: Study) -> Markup:
    """Everything measured, by role; the name of a row links to what its numbers come from."""
    selected = selects(results)
    columns = headings(["network", *map(heading, measures(next(results.itertuples()), selected))])
    bodies = []
    for role, lines in results.groupby("role", sort=False):
        name = tag("th", HEADINGS[role], class_="name", scope="rowgroup")
        group = tag("tr", name, tag("td", colspan=len(columns) - 1), class_="group")
        bodies.append([group, *(_full_row(line, study, selected) for line in lines.itertuples())])
    return table("Table of everything measured", columns, *bodies, kind="wide")


def more_table(results: pd.DataFrame, study: Study) -> Markup:
    """The metrics of the logits beside the accuracy, a row for each network; it can be sorted.

    Empty where none is known.
    """
    measured = more_columns(results)
    if not measured:
        return Markup("")
    columns = [*headings(["network"]), tag("th", "role", class_="words", scope="col")]
    columns += [tag("th", heading(name), scope="col", data_numbers="") for name in measured]
    rows = [_more_row(line, measured, study) for line in results[results["role"] != MEAN].itertuples()]
    return table("Table of more metrics", columns, rows, id="more", kind="sortable dense")


def _more_row(line: Any, measured: list[str], study: Study) -> Markup:
    """On a narrow screen the role stands below the name."""
    key, taught = key_of(line), " from ".join(filter(None, (line.method, line.teacher)))
    role = taught or LABELS[line.role]
    name = study.analysed(line.name, key) + " " + tag("small", role, class_="narrow")
    numbers = [cell(text, value) for text, value in more_measures(line, measured).values()]
    return row(name, [tag("td", role, class_="words"), *numbers], data_name=line.name)


def _full_row(line: Any, study: Study, selected: bool) -> Markup:
    key, origin = key_of(line), " from ".join(filter(None, (line.method, line.teacher)))
    name = tag("a", line.name or "all", href=study.source(key))
    if origin:
        name += " " + tag("small", origin)
    return row(name, [cell(text) for text in measures(line, selected).values()])
