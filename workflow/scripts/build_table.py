"""Gather the metrics of every run of a study into one table, as CSV, Markdown and HTML."""

import json
from pathlib import Path

from kd.files import read_json, whole
from kd.pages import to_html, to_markdown
from kd.table import summarise


def main(
    metrics: list[Path], data: Path, samples: Path, csv: Path, markdown: Path, html: Path, study: str
) -> None:
    """Read one metrics.json per run, the data set's card and its picture; write the table's three forms."""
    runs, card = [read_json(path) for path in metrics], read_json(data)
    table = summarise(runs)
    with whole(csv) as temporary:
        table.to_csv(temporary, index=False, float_format="%.8g", lineterminator="\n")
    pages = {
        markdown: to_markdown(table, study, runs, card),
        html: to_html(table, study, runs, card, samples.read_bytes()),
    }
    for path, page in pages.items():
        with whole(path) as temporary:
            temporary.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    from kd.script import run

    run(
        snakemake.log[0],
        main,
        metrics=[Path(path) for path in snakemake.input.metrics],
        data=Path(snakemake.input.data),
        samples=Path(snakemake.input.samples),
        csv=Path(snakemake.output.csv),
        markdown=Path(snakemake.output.markdown),
        html=Path(snakemake.output.html),
        study=json.loads(snakemake.params.cfg)["study"],
    )
