"""All plots: that the smallest and oddest studies are drawn, and what their scripts import."""

import json
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest
from drawn_studies import STUDIES, curves_of, seeds_of, written_table
from fake_results import FIGURES, fake_latency
from fake_runs import fake_history
from tiers import sample

import draw_plots
from kd.plots.figures import figures_of
from kd.plots.saving import Plot, save_plot
from kd.plots.style import NARROW, WIDTH, message
from kd.results.table import summarise
from kd.results.table_csv import write_table

RULES = (Path(draw_plots.__file__).parents[2] / "rules/report.smk").read_text(encoding="utf-8")


def plots_of(runs, folder) -> dict[str, Plot]:
    latency = fake_latency(sorted({run["name"] for run in runs}))
    return figures_of(written_table(runs, folder), seeds_of(runs), curves_of(runs), latency)


QUICK = ("long names",)
CASES = sample(STUDIES, QUICK)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("study", CASES)
def test_every_plot_of_every_study_is_drawn_without_a_warning(study, tmp_path):
    for name, plot in plots_of(STUDIES[study], tmp_path).items():
        for width in (NARROW,) if study in QUICK else (WIDTH, NARROW):
            figure = plot.draw(width)
            figure.draw_without_rendering()
            assert figure.get_figwidth() == width, name
        assert 4 <= len(plot.caption.split()) <= 30, plot.caption
        assert plot.caption.endswith(".")


def test_a_plot_carries_its_title_and_caption_and_is_drawn_for_a_phone_too(tmp_path):
    widths = []
    draw = lambda width: widths.append(width) or message("nothing", width)  # noqa: E731
    save_plot(Plot("A & b", "Less < than “more”.", draw), tmp_path / "some.plot")
    assert widths == [WIDTH, NARROW]
    files = sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.*g"))
    assert files == ["narrow/some.plot.svg", "some.plot.png", "some.plot.svg"]
    for file in files[::2]:
        root = ElementTree.parse(tmp_path / file).getroot()
        texts = [
            root.findtext(f".//{{http://purl.org/dc/elements/1.1/}}{name}")
            for name in ("title", "description")
        ]
        assert texts == ["A & b", "Less < than “more”."]


@pytest.mark.full
def test_script_draws_every_plot_that_the_rule_names(tmp_path):
    runs = [run | {"name": "null" if run["name"] == "cnn" else run["name"]} for run in STUDIES["smallest"]]
    files = {"metrics": [], "histories": []}
    for number, run in enumerate(runs):
        files["metrics"].append(tmp_path / f"{number}.json")
        files["metrics"][-1].write_text(json.dumps(run), encoding="utf-8")
        files["histories"].append(tmp_path / f"{number}.csv")
        fake_history(run).to_csv(files["histories"][-1], index=False)
    write_table(tmp_path / "table.csv", summarise(runs))
    latency = tmp_path / "latency.json"
    latency.write_text(json.dumps(fake_latency([run["name"] for run in runs])))
    draw_plots.main(tmp_path / "table.csv", **files, plots=tmp_path / "plots", latency=latency)
    written = {path.relative_to(tmp_path / "plots").as_posix() for path in (tmp_path / "plots").rglob("*.*g")}
    assert written == {
        place for name in FIGURES for place in (f"{name}.png", f"{name}.svg", f"narrow/{name}.svg")
    }
    assert {name for name in FIGURES if f'"{name}"' not in RULES} == {
        f"accuracy_{cost}" for cost in ("parameters", "latency", "size")
    }


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
