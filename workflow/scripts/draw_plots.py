"""Draw the plots of a study, each as SVG (wide, and narrow for a phone) and PNG."""

from pathlib import Path

from kd.io.files import read_json
from kd.plots.curves.history import gather, read_epochs
from kd.plots.figures import figures_of
from kd.plots.saving import save_plot
from kd.plots.seeds import read_runs
from kd.results.metrics import read_metrics
from kd.results.table_csv import read_table


def main(table: Path, metrics: list[Path], histories: list[Path], plots: Path, latency: Path) -> None:
    """Write the figures of the report, each as .svg, narrow/*.svg and .png, into the folder `plots`.

    `metrics` and `histories` are in the same order, one of each per training; ValueError if not equally many.
    """
    curves = gather(map(read_metrics, metrics), map(read_epochs, histories))
    figures = figures_of(read_table(table), read_runs(metrics), curves, read_json(latency))
    for name, plot in figures.items():
        save_plot(plot, plots / name)


if __name__ == "__main__":
    from kd.runtime.script import run

    run(snakemake, main, plots=Path(snakemake.output[0]).parent)
