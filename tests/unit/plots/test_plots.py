"""All plots: that the smallest and oddest studies are drawn, and what their scripts import."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from drawn_studies import STUDIES, curves_of, written_table
from fake_results import fake_latency
from fake_runs import fake_history

import draw_plots
from kd.plots.accuracy_parameters import draw_accuracy_parameters
from kd.plots.gain import draw_gain
from kd.plots.heat_map import draw_heat_map
from kd.plots.learning_curves import draw_learning_curves
from kd.results.table import summarise
from kd.results.table_csv import write_table


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("runs", STUDIES.values(), ids=STUDIES)
def test_every_plot_of_every_study_is_drawn_without_a_warning(runs, tmp_path):
    table = written_table(runs, tmp_path)
    figures = [draw(table) for draw in (draw_accuracy_parameters, draw_gain, draw_heat_map)]
    for number, figure in enumerate([*figures, draw_learning_curves(curves_of(runs))]):
        figure.savefig(tmp_path / f"{number}.png", dpi=40)
        assert 5 <= figure.get_figwidth() <= 6


def test_script_draws_every_plot(tmp_path):
    runs = [run | {"name": "null" if run["name"] == "cnn" else run["name"]} for run in STUDIES["one seed"]]
    files = {"metrics": [], "histories": []}
    for number, run in enumerate(runs):
        files["metrics"].append(tmp_path / f"{number}.json")
        files["metrics"][-1].write_text(json.dumps(run), encoding="utf-8")
        files["histories"].append(tmp_path / f"{number}.csv")
        fake_history(run).to_csv(files["histories"][-1], index=False)
    write_table(tmp_path / "table.csv", summarise(runs))
    names = ["accuracy_latency", "accuracy_parameters", "gain", "heat_map", "learning_curves"]
    latency = tmp_path / "latency.json"
    latency.write_text(json.dumps(fake_latency([run["name"] for run in runs])))
    draw_plots.main(tmp_path / "table.csv", **files, plots=tmp_path / "plots", latency=latency)
    assert sorted(path.name for path in (tmp_path / "plots").iterdir()) == [
        f"{name}.{suffix}" for name in names for suffix in ("png", "svg")
    ]


# Every script in a process of its own, which has imported what all of them need of other libraries.
IMPORTS = """
import importlib, json, os, sys
import pandas, pydantic
for script, foreign in json.loads(sys.argv[1]).items():
    sys.stdout.flush()
    if os.fork() == 0:
        importlib.import_module(script)
        print(script, sorted(set(foreign) & set(sys.modules)))
        break
    os.wait()
"""


@pytest.mark.full
def test_scripts_import_only_what_they_use():
    """A change to the plots must not rebuild a table, nor the other way round."""
    foreign = {
        "draw_plots": ("torch", "kd.results.table", "kd.results.text", "kd.report"),
        "build_table": ("torch", "kd.plots", "matplotlib", "kd.report"),
        "prepare_data": ("torch", "kd.plots", "matplotlib", "kd.data.card"),  # or all would be trained again
        "draw_samples": ("kd.plots.saving", "kd.plots.gain", "kd.data.card"),
        "describe_data": ("kd.plots", "matplotlib", "kd.datasets"),
        "build_report": ("torch", "kd.plots", "matplotlib"),
    }
    command = [sys.executable, "-c", IMPORTS, json.dumps(foreign)]
    folder = Path(draw_plots.__file__).parent
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert (done.stdout.splitlines(), done.stderr) == ([f"{script} []" for script in foreign], "")
