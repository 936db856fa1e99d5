"""Gather the metrics of every run of a study into one table, as CSV, Markdown and HTML."""

import json
from pathlib import Path

from kd.files import read_json, whole
from kd.pages import to_html, to_markdown
from kd.table import summarise


def main(metrics: list[Path], csv: Path, markdown: Path, html: Path, study: str) -> None:
    """Read one metrics.json per run; write the three forms of the table."""
    runs = [read_json(path) for path in metrics]
    table = summarise(runs)
    with whole(csv) as temporary:
        table.to_csv(temporary, index=False, float_format="%.8g", lineterminator="\n")
    for path, render in ((markdown, to_markdown), (html, to_html)):
        with whole(path) as temporary:
            temporary.write_text(render(table, study, runs), encoding="utf-8")


if __name__ == "__main__":
    from kd.script import run

    run(
        snakemake.log[0],
        main,
        metrics=[Path(path) for path in snakemake.input.metrics],
        csv=Path(snakemake.output.csv),
        markdown=Path(snakemake.output.markdown),
        html=Path(snakemake.output.html),
        study=json.loads(snakemake.params.cfg)["study"],
    )
