"""Made-up studies as the plots read them, and what is written in a figure."""

from pathlib import Path

import pandas as pd
from fake_runs import fake_history, fake_run, fake_study

from kd.plots.curves.history import gather
from kd.plots.seeds import runs_of
from kd.results.metrics import Metrics
from kd.results.table import summarise
from kd.results.table_csv import read_table, write_table

STUDIES = {
    "smallest": fake_study(teachers=1, students=1, seeds=1, epochs=1),
    "one seed": fake_study(teachers=3, students=2, seeds=1, epochs=3),
    "teachers only": [fake_run(), fake_run(name="vgg16")],
    "alone only": [fake_run("alone", "cnn", seed) for seed in range(2)],
    "many methods": fake_study(2, 2, 2, methods=tuple(f"method{i}" for i in range(5)), epochs=2),
    "long names": [
        fake_run(name="t" * 64),
        fake_run("alone", "s" * 64),
        fake_run("distilled", "s" * 64, teacher="t" * 64, method="m" * 64),
    ],
    "equal accuracies": [
        fake_run("alone", "cnn", test_accuracy=50.0),
        fake_run("distilled", "cnn", test_accuracy=50.0),
    ],
}


def written_table(runs, folder: Path) -> pd.DataFrame:
    """The table as the script reads it: through its CSV."""
    write_table(folder / "table.csv", summarise(runs))
    return read_table(folder / "table.csv")


def curves_of(runs) -> pd.DataFrame:
    return gather([Metrics(**run) for run in runs], [fake_history(run) for run in runs])


def seeds_of(runs) -> pd.DataFrame:
    """The single runs, as `read_runs` returns them; their weights have 4 bytes a parameter."""
    metrics = [Metrics(**run) for run in runs]
    return runs_of(metrics).assign(bytes=[4.0 * run.parameters for run in metrics])


def texts(ax) -> list[str]:
    return [text.get_text() for text in ax.texts]


MANY_METHODS = tuple(f"method{number}" for number in range(9))


def legend_of(figure) -> list[str]:
    (legend,) = figure.legends
    return [text.get_text() for text in legend.get_texts()]
