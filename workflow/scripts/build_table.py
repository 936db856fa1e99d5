"""Gather the metrics of every run of a study into one table, as CSV and Markdown."""

from pathlib import Path
from typing import Any

from kd.io.files import read_json, write_text
from kd.results.page import to_markdown
from kd.results.published.columns import with_published
from kd.results.runs import read_cells
from kd.results.table import summarise
from kd.results.table_csv import read_table, write_table


def main(
    metrics: list[Path],
    diagnoses: list[Path],
    data: Path,
    csv: Path,
    markdown: Path,
    study: str,
    published: tuple[dict[str, Any], ...] = (),
) -> None:
    """Read one metrics.json per run, the diagnoses and the data set's card; write the table's two forms.

    `published` are accuracies by others (kd.results.published.columns).
    """
    by_folder = {run.folder: run for cell in read_cells(metrics, diagnoses) for run in cell.runs}
    all_runs, card = [by_folder[path.parent] for path in metrics], read_json(data)
    runs = [run.metrics for run in all_runs]
    table = summarise(runs, [run.diagnosed for run in all_runs])
    write_table(csv, with_published(table, published))
    # What is read by the others: they all round the same numbers.
    write_text(markdown, to_markdown(read_table(csv), study, runs, card))


if __name__ == "__main__":
    from kd.runtime.script import run

    run(snakemake, main)
