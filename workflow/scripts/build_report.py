"""Write the report of a study: one page with its answer, tables, figures and runs."""

from pathlib import Path

from kd.io.files import read_json, write_text
from kd.report.study.page import to_page
from kd.report.study.sources import Study
from kd.results.runs import read_cells


def main(
    report: Path,
    study: str,
    table: Path,
    metrics: list[Path],
    histories: list[Path],
    figures: list[Path],
    data: Path,
    samples: Path,
    diagnoses: list[Path],
    latency: Path,
) -> None:
    """Read what the runs and the table left, and write the page `report` into the study's folder.

    `figures` are SVGs; `metrics` has a file for each run, in the order of the table; runs without a history,
    and cells without a diagnosis, show less.
    """
    page = to_page(
        Study(
            name=study,
            folder=report.parent,
            cells=read_cells(metrics, histories, diagnoses),
            table=table,
            figures=figures,
            latency=latency,
            measured=read_json(latency),
            card=data,
            data=read_json(data),
            samples=samples.read_bytes(),
        )
    )
    write_text(report, page)


if __name__ == "__main__":
    from kd.runtime.script import run

    run(snakemake, main)
