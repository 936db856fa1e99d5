"""Write the page of every diagnosis of a study."""

from pathlib import Path

from kd.data.dataset import read_dataset
from kd.io.files import read_json, write_text
from kd.io.log import logger
from kd.report.diagnosis.page import to_page
from kd.report.diagnosis.pictures import pictures
from kd.results.metrics import read_metrics


def main(report: Path, dataset: Path, diagnoses: list[Path], metrics: list[Path], pages: list[Path]) -> None:
    """Write a page for each of the `diagnoses`; `metrics` are those of the first run of each.

    `report` is where the page of the whole study will be, to which they lead back. Raises UserError naming
    the file that is not whole.
    """
    images = read_dataset(dataset).test_images
    for diagnosis, first, page in zip(diagnoses, metrics, pages, strict=True):
        content = read_json(diagnosis)
        shown = pictures(content, images)
        write_text(page, to_page(content, read_metrics(first), shown, page, report))
    logger.info("%d pages", len(pages))


if __name__ == "__main__":
    from kd.runtime.script import run

    run(snakemake, main)
