"""Gather the metrics of every run of a study into one table, as CSV and Markdown."""

from pathlib import Path

from kd.io.files import read_json, write_text
from kd.results.metrics import read_metrics
from kd.results.page import to_markdown
from kd.results.table import summarise
from kd.results.table_csv import read_table, write_table


def main(metrics: list[Path], data: Path, csv: Path, markdown: Path, study: str) -> None:
    """Read one metrics.json per run and the data set's card; write the table's two forms."""
    runs, card = [read_metrics(path) for path in metrics], read_json(data)
    write_table(csv, summarise(runs))
    # What is read by the others: they all round the same numbers.
    write_text(markdown, to_markdown(read_table(csv), study, runs, card))


if __name__ == "__main__":
    from kd.runtime.script import run

    run(snakemake, main)
