"""Draw the plots of a study, each as SVG and PNG."""

from pathlib import Path

from kd.io.files import read_json
from kd.io.tables import read_history
from kd.plots.accuracy_parameters import draw_accuracy_latency, draw_accuracy_parameters
from kd.plots.gain import draw_gain
from kd.plots.heat_map import draw_heat_map
from kd.plots.learning_curves import draw_learning_curves, gather
from kd.plots.saving import save
from kd.results.metrics import read_metrics
from kd.results.table_csv import read_table


def main(table: Path, metrics: list[Path], histories: list[Path], plots: Path, latency: Path) -> None:
    """Write the figures of the report, each as .svg and .png, into the folder `plots`.

    `metrics` and `histories` are in the same order, one of each per run; ValueError if not equally many.
    """
    runs = [read_metrics(path) for path in metrics]
    curves = gather(runs, [read_history(path) for path in histories])
    rows = read_table(table)
    save(draw_learning_curves(curves), plots / "learning_curves")
    save(draw_accuracy_parameters(rows), plots / "accuracy_parameters")
    save(draw_accuracy_latency(rows, read_json(latency)), plots / "accuracy_latency")
    save(draw_gain(rows), plots / "gain")
    save(draw_heat_map(rows), plots / "heat_map")


if __name__ == "__main__":
    from kd.runtime.script import run

    run(snakemake, main, plots=Path(snakemake.output[0]).parent)
