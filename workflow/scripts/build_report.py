"""Write the report of a study: one page with its answer, tables, figures and runs."""

from pathlib import Path
from typing import Any

import yaml

from kd.io.files import not_whole, read_json, write_text
from kd.report.study.page import to_page
from kd.report.study.sources import Study
from kd.results.runs import read_cells
from kd.runtime.parent import command


def main(
    report: Path,
    study: str,
    table: Path,
    metrics: list[Path],
    figures: list[Path],
    data: Path,
    samples: Path,
    diagnoses: list[Path],
    latency: Path,
    config: Path,
    resolved: Path,
) -> None:
    """Read what the runs and the table left, and write the page `report` into the study's folder.

    `figures` are SVGs; `metrics` are in the order of the table. Cells without a diagnosis
    show less. `config` is the config as it was given, `resolved` the one with every default.
    """
    page = to_page(
        Study(
            name=study,
            folder=report.parent,
            cells=read_cells(metrics, diagnoses),
            table=table,
            figures=figures,
            latency=latency,
            measured=read_json(latency),
            card=data,
            data=read_json(data),
            samples=samples.read_bytes(),
            given=config,
            config=config.read_text(encoding="utf-8"),
            settings=read_yaml(resolved),
            resolved=resolved,
            command=command(),
        )
    )
    write_text(report, page)


def read_yaml(path: Path) -> dict[str, Any]:
    """The mapping in a file that keep_config wrote; UserError naming the file if it is not whole."""
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise not_whole(path, error) from error
    if not isinstance(content, dict):
        raise not_whole(path, "no keys and values")
    return content


if __name__ == "__main__":
    from kd.runtime.script import run

    run(snakemake, main)
