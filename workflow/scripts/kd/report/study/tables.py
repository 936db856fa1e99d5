"""The tables of the report: every number leads to the file that it came from."""

from typing import Any

import pandas as pd
from markupsafe import Markup

from kd.report.html import cell, headings, row, table, tag
from kd.report.study.sources import Study
from kd.results.format import DASH, duration, number, plus_minus, quantity, signed, verdict
from kd.results.table_csv import key_of
from kd.results.text import HEADINGS, measures, ranking, seed_table
from kd.roles import TEACHER


def ranked_table(pairs: pd.DataFrame, study: Study) -> Markup:
    """Distilled students in the order of kd.results.ranking, empty if there are none; it can be sorted."""
    ranked = [(line, _ranked(line, study)) for line in pairs.itertuples()]
    if not ranked:
        return Markup("")
    columns = headings(["student"])
    columns += [tag("th", name, class_="words", scope="col") for name in ("teacher", "method")]
    for name in ranked[0][1]:
        order = "descending" if name == "gain" else None
        columns.append(tag("th", name, scope="col", data_numbers="", aria_sort=order))
    rows = [_ranked_row(line, cells, study) for line, cells in ranked]
    return table("Table of distilled students", columns, rows, id="ranking", kind="sortable dense")


def _ranked_row(line: Any, cells: dict[str, Markup], study: Study) -> Markup:
    """On a narrow screen the teacher and method stand below the student, and their columns are hidden."""
    below = tag("small", f"{line.method} from {line.teacher}", class_="narrow")
    name = study.linked(line.name, key_of(line)) + " " + below
    words = [tag("td", text, class_="words") for text in (line.teacher, line.method)]
    return row(name, [*words, *cells.values()], data_name=line.name)


def _ranked(line: Any, study: Study) -> dict[str, Markup]:
    """The cells of a row that are numbers, by their headings."""
    mean, csv = study.source(key_of(line)), study.links.to(study.table)
    low, high = (signed(line.gain + sign * line.gain_ci95) for sign in (-1, 1))
    interval = DASH if pd.isna(line.gain_ci95) else f"{low} to {high}"
    gain = f"{verdict(line.gain, line.gain_ci95)} {signed(line.gain)}".strip()
    accuracy = plus_minus(line.test_accuracy, line.test_accuracy_std)
    return {
        "gain": cell(gain, csv, line.gain),
        "95 % interval": cell(interval, csv, line.gain - line.gain_ci95),
        "test accuracy": cell(accuracy, mean, line.test_accuracy),
        "agreement": cell(number(line.agreement), mean, line.agreement),
        "calibration error": cell(number(line.ece), mean, line.ece),
        "parameters": cell(quantity(line.parameters, 4), mean, line.parameters),
        "MACs": cell(quantity(line.macs, 3), mean, line.macs),
        "latency": cell(*study.time(key_of(line))),
        "seconds": cell(duration(line.seconds), mean, line.seconds),
    }


def teachers_table(results: pd.DataFrame, study: Study) -> Markup:
    """The classic table, with a column for each teacher; empty if there are none."""
    classic = seed_table(results)
    keys = {name: (TEACHER, name, "", "") for name in classic.columns}
    if not keys:
        return Markup("")
    columns = headings(["measure", *(study.linked(name, key) for name, key in keys.items())])
    rows = [
        row(line, [cell(text, study.source(keys[name])) for name, text in texts.items()])
        for line, texts in classic.iterrows()
    ]
    return table("Table of teachers", columns, rows)


def methods_table(ranked: pd.DataFrame, study: Study) -> Markup:
    """The methods as kd.results.ranking ranks them; empty if there are not several."""
    methods, csv = ranking(ranked), study.links.to(study.table)
    if not methods:
        return Markup("")
    _, *sources = ("" if heading == "significant" else csv for heading in methods[0])
    rows = [row(name, map(cell, texts, sources)) for name, *texts in map(dict.values, methods)]
    return table("Table of methods", headings(methods[0]), rows)


def full_table(results: pd.DataFrame, study: Study) -> Markup:
    """Everything measured, by role."""
    columns = headings(["network", *measures(next(results.itertuples()))])
    bodies = []
    for role, lines in results.groupby("role", sort=False):
        heading = tag("th", HEADINGS[role], class_="name", scope="rowgroup")
        group = tag("tr", heading, tag("td", colspan=len(columns) - 1), class_="group")
        bodies.append([group, *(_full_row(line, study) for line in lines.itertuples())])
    return table("Table of everything measured", columns, *bodies, kind="wide")


def _full_row(line: Any, study: Study) -> Markup:
    key, origin = key_of(line), " from ".join(filter(None, (line.method, line.teacher)))
    name = study.linked(line.name or "all", key)
    if origin:
        name += " " + tag("small", origin)
    return row(name, [cell(text, study.source(key)) for text in measures(line).values()])
