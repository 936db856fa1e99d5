"""The matrix of runs: a row for each network, a column for each seed, and the link to its error analysis."""

import math
from collections.abc import Mapping

import pandas as pd
from markupsafe import Markup

from kd.report.html import headings, row, table, tag
from kd.report.study.sources import Key, Study
from kd.results.format import DASH, number, signed, with_sd
from kd.results.table_csv import key_of
from kd.results.text.cells import HEADINGS
from kd.roles import BASELINE_ROW, DISTILLED_STUDENT, MEAN, TEACHER


def networks_table(results: pd.DataFrame, study: Study) -> Markup:
    """Test accuracy of every run, in per cent; below that of a distilled student its gain, same seed."""
    rows = results[results["role"] != MEAN]
    seeds = sorted({run.seed for run in study.runs if run.role != TEACHER and run.seed is not None})
    bodies = []
    for role, lines in rows.groupby("role", sort=False):
        heading = tag("th", HEADINGS[role], class_="name", scope="rowgroup")
        group = tag("tr", heading, tag("td", colspan=len(seeds) + 1), class_="group")
        bodies.append([group, *(_line(key_of(line), line, seeds, study) for line in lines.itertuples())])
    columns = headings(["network", "mean", *(f"seed {seed}" for seed in seeds)])
    return table("Test accuracy of every run", columns, *bodies, kind="runs")


def _line(key: Key, line: pd.Series, seeds: list[int], study: Study) -> Markup:
    role, name, teacher, method = key
    accuracies = study.accuracies(key)
    baseline = study.accuracies((BASELINE_ROW, name, "", "")) if role == DISTILLED_STUDENT else {}
    of_seeds = {} if role == TEACHER else accuracies
    cells = [tag("td", with_sd(line.test_accuracy, line.test_accuracy_std))]
    cells += [_cell(seed, of_seeds, baseline) for seed in seeds]
    title = study.analysed(name, key)
    if role == DISTILLED_STUDENT:
        title += " " + tag("small", f"from {teacher} by {method}")
    return row(title, cells, id=study.anchor(key))


def _cell(seed: int, accuracies: Mapping[int | None, float], baseline: Mapping[int | None, float]) -> Markup:
    value = accuracies.get(seed, math.nan)
    if math.isnan(value):
        return tag("td", DASH, class_="quiet")
    gain = value - baseline.get(seed, math.nan)
    return tag("td", number(value), "" if math.isnan(gain) else Markup(" ") + tag("small", signed(gain)))
