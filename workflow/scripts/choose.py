"""Choose the best values of a sweep for one teacher and student, by the validation split alone."""

import csv
import json
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from kd.choosing import rows_of
from kd.chosen import named
from kd.files import whole, write_json

logger = logging.getLogger("kd")


def main(
    values: Sequence[dict[str, Any]],
    seeds: int,
    epochs: int,
    metrics: Sequence[Path],
    chosen: Path,
    trials: Path,
) -> None:
    """Read the metrics of all trials, those of a trial together; write what is chosen, and a table.

    The file `chosen` holds the chosen values and nothing else: what was trained by it stays while they do.
    """
    runs = [json.loads(path.read_text(encoding="utf-8")) for path in metrics]
    rows = rows_of(values, [runs[start : start + seeds] for start in range(0, len(runs), seeds)], epochs)
    place = next(place for place, row in enumerate(rows) if row["chosen"])
    with whole(trials) as temporary, open(temporary, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    write_json(chosen, values[place])
    accuracy = rows[place]["validation_accuracy"]
    logger.info("of %d trials: %s, validation accuracy %.2f %%", len(rows), named(values[place]), accuracy)


if __name__ == "__main__":
    from kd.script import run

    run(
        snakemake.log[0],
        main,
        **json.loads(snakemake.params.cfg),
        metrics=[Path(path) for path in snakemake.input.metrics],
        **{name: Path(path) for name, path in snakemake.output.items()},
    )
