"""Draw the four plots of a study, each as SVG and PNG."""

import json
from pathlib import Path

import pandas as pd

from kd.plots.accuracy_parameters import draw_accuracy_parameters
from kd.plots.gain import draw_gain
from kd.plots.heat_map import draw_heat_map
from kd.plots.learning_curves import draw_learning_curves, gather
from kd.plots.style import save

_WORDS = ["role", "name", "teacher", "architecture", "method", "loss_function"]


def main(table: Path, metrics: list[Path], histories: list[Path], plots: Path) -> None:
    """Write learning_curves, accuracy_parameters, gain and heat_map (.svg and .png) into the folder `plots`.

    `metrics` and `histories` are in the same order, one of each per run; ValueError if not equally many.
    """
    runs = [json.loads(Path(path).read_text(encoding="utf-8")) for path in metrics]
    curves = gather(runs, [pd.read_csv(path) for path in histories])
    # A network may be called "null" or "18"; only an empty cell is a missing one.
    rows = pd.read_csv(table, dtype=dict.fromkeys(_WORDS, "str"), keep_default_na=False, na_values=[""])
    save(draw_learning_curves(curves), plots / "learning_curves")
    save(draw_accuracy_parameters(rows), plots / "accuracy_parameters")
    save(draw_gain(rows), plots / "gain")
    save(draw_heat_map(rows), plots / "heat_map")


if __name__ == "__main__":
    from kd.script import run

    run(
        snakemake.log[0],
        main,
        table=Path(snakemake.input.table),
        metrics=[Path(path) for path in snakemake.input.metrics],
        histories=[Path(path) for path in snakemake.input.histories],
        plots=Path(snakemake.output[0]).parent,
    )
