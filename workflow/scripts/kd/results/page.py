"""table.md: the table of a study as a page of Markdown."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from kd.results.data_card import data_lines
from kd.results.format import signed
from kd.results.markdown import bullets, plain, table
from kd.results.metrics import Metrics
from kd.results.published.text import verdict
from kd.results.ranking import rank, verdict_of
from kd.results.text.cells import gain, measures, names, ranking, seed_table
from kd.results.text.legend import DIFFERENCE, legend, selects
from kd.results.text.more import more_columns, more_legend, more_measures
from kd.results.text.provenance import provenance
from kd.roles import LABELS, MEAN

MANY = 8  # methods; of more each would drown in the others


def to_markdown(
    rows: pd.DataFrame, study: str, runs: Sequence[Metrics], data: Mapping[str, Any] | None = None
) -> str:
    """The whole page; `rows` are those of table.csv, `runs` what they were computed from.

    `data` is the data set's card (see kd.results.data_card), whose picture is in data/ beside the page.
    """
    selected = selects(rows)
    cells = [{"role": LABELS[row.role]} | names(row) | measures(row, selected) for row in rows.itertuples()]
    parts = [
        f"# Knowledge distillation: {plain(study)}",
        bullets(headlines(rows)),
        _table(cells, left=4),
        bullets(legend(rows)),
    ]
    ranked = rank(rows, runs)
    if methods := ranking(ranked):
        parts += ["## Methods, ranked", plain(verdict_of(rows, ranked)), plain(DIFFERENCE)]
        parts += [_table(methods)]
    classic = seed_table(rows)
    if len(classic.columns):
        parts += ["## Teachers", _table([{"": name, **row} for name, row in classic.iterrows()])]
    if columns := more_columns(rows):
        parts += ["## More metrics", _table(_more(rows, columns), left=4), bullets(more_legend(columns))]
    if data:
        parts += ["## Data", bullets(data_lines(data)), "![images of each class](data/samples.png)"]
    parts += ["## Provenance", bullets(f"{name}: {value}" for name, value in provenance(runs).items())]
    return "\n\n".join(filter(None, parts)) + "\n"


def _more(rows: pd.DataFrame, columns: Sequence[str]) -> list[dict[str, str]]:
    """The rows of the table "More metrics"."""
    lines = []
    for row in rows.itertuples():
        cells = {heading: shown for heading, (shown, _) in more_measures(row, columns).items()}
        lines.append({"role": LABELS[row.role]} | names(row) | cells)
    return lines


def headlines(rows: pd.DataFrame) -> list[str]:
    """A line per method: its average gain over all pairs; or one for all, if they are many.

    And one on published accuracies, where there are some.
    """
    averages, compared = rows[rows["role"] == MEAN], list(filter(None, [verdict(rows)]))
    if len(averages) > MANY:
        least, most = map(signed, averages["gain"].agg(["min", "max"]))
        ends = f"from {least} to {most} percentage points"
        return [f"{len(averages)} methods, ranked below: average gains {ends}", *compared]
    return [
        f"{row.method}: average gain {gain(row)} percentage points (n = {row.gain_n} student × seed)"
        for row in averages.itertuples()
    ] + compared


def _table(rows: Sequence[Mapping[str, str]], left: int = 1) -> str:
    """Rows of cells by their headings."""
    return table([[*map(plain, cells)] for cells in (rows[0], *(row.values() for row in rows))], left)
