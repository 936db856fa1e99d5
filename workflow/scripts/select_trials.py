"""Select the best trials of a sweep, or of a rung of it, for one teacher and student: by validation only."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from kd.io.files import read_json, write_json
from kd.io.log import logger
from kd.io.tables import write_csv
from kd.results.metrics import read_trial
from kd.sweep.selection import best, rows_of
from kd.sweep.values import named


def main(
    values: Sequence[dict[str, Any]],
    seeds: int,
    epochs: int,
    keep: int,
    metrics: Sequence[Path],
    chosen: Path | None = None,
    trials: Path | None = None,
    rung: Path | None = None,
    before: Sequence[Path] = (),
) -> None:
    """Read the metrics of all trials of a rung, those of a trial together; `before` are the rungs before it.

    Write to `rung` the rows of its trials and which of them go on, `keep` at most; or else what is chosen,
    and a table of all trials. The file `chosen` holds the chosen values and nothing else: what was trained
    by it stays while they do.
    """
    rungs = [read_json(path) for path in before]
    places = rungs[-1]["go_on"] if rungs else range(len(values))
    runs = [read_trial(path) for path in metrics]
    rows = rows_of(values, places, runs, seeds, epochs)
    first, *others = best(rows, keep)
    if rung:
        write_json(rung, {"rows": rows, "go_on": sorted([first, *others])})
        logger.info("of %d trials of %d epochs %d go on", len(rows), epochs, 1 + len(others))
        return
    rows = [row | {"chosen": int(row["place"] == first)} for row in rows]
    rows = [row | {"chosen": 0} for earlier in rungs for row in earlier["rows"]] + rows
    write_csv(trials, rows, columns=list(rows[-1]))  # in its order; a rung's JSON has sorted keys
    write_json(chosen, values[first])
    logger.info("of %d trials: %s", len(values), named(values[first]))


if __name__ == "__main__":
    from kd.runtime.script import run

    run(snakemake, main)
