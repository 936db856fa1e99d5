"""The plots: what they show, that the smallest and oddest studies are drawn, and that files reproduce."""

import json
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import matplotlib
import pandas as pd
import pytest
from fake_results import fake_latency
from fake_runs import TEACHERS, fake_history, fake_run, fake_study
from matplotlib.colors import to_hex, to_rgb

import draw_plots
from kd.plots import style
from kd.plots.accuracy_parameters import draw_accuracy_latency, draw_accuracy_parameters
from kd.plots.gain import draw_gain
from kd.plots.heat_map import draw_heat_map
from kd.plots.learning_curves import draw_learning_curves, gather
from kd.plots.pareto import pareto_front
from kd.plots.saving import INK, PAPER, in_the_dark, save
from kd.plots.style import BASELINE, COLOURS, DISTILLED, WARM, ink_on, message, short
from kd.report.style import STYLE
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


def texts(ax) -> list[str]:
    return [text.get_text() for text in ax.texts]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("runs", STUDIES.values(), ids=STUDIES)
def test_every_plot_of_every_study_is_drawn_without_a_warning(runs, tmp_path):
    table = written_table(runs, tmp_path)
    figures = [draw(table) for draw in (draw_accuracy_parameters, draw_gain, draw_heat_map)]
    for number, figure in enumerate([*figures, draw_learning_curves(curves_of(runs))]):
        figure.savefig(tmp_path / f"{number}.png", dpi=40)
        assert 5 <= figure.get_figwidth() <= 6


def test_gains_stand_sorted_below_their_mean_on_their_values(tmp_path):
    table = written_table(fake_study(teachers=3, students=1, seeds=3), tmp_path)
    (ax,) = draw_gain(table).axes
    names = [label.get_text() for label in ax.get_yticklabels()]
    gains = table[table["role"] == "distilled student"].sort_values("gain")
    assert names == [*(f"cnn from {teacher}" for teacher in gains["teacher"]), "average over pairs"]
    drawn = [bars.lines[2][0].get_segments()[0] for bars in ax.containers]  # the bar of each row
    for segment, row in zip(drawn, gains.itertuples(), strict=False):
        assert segment[:, 0] == pytest.approx([row.gain - row.gain_ci95, row.gain + row.gain_ci95])


MANY_METHODS = tuple(f"method{number}" for number in range(9))


def test_of_many_methods_the_means_are_compared_in_one_panel_and_the_pairs_in_another(tmp_path):
    table = written_table(fake_study(teachers=2, students=1, seeds=3, methods=MANY_METHODS), tmp_path)
    upper, lower = draw_gain(table).axes
    rows = table.sort_values("gain", kind="stable")
    means, pairs = rows[rows["role"] == "mean over pairs"], rows[rows["role"] == "distilled student"]
    of_pairs = [f"{row.name} from {short(row.teacher, 12)}, {row.method}" for row in pairs.itertuples()]
    for ax, some, names in ((upper, means, list(means["method"])), (lower, pairs, of_pairs)):
        assert [label.get_text() for label in ax.get_yticklabels()] == names
        drawn = [bars.lines[2][0].get_segments()[0] for bars in ax.containers]
        for segment, row in zip(drawn, some.itertuples(), strict=True):
            assert segment[:, 0] == pytest.approx([row.gain - row.gain_ci95, row.gain + row.gain_ci95])
    assert len(draw_gain(table[table["method"].fillna("") != "method8"]).axes) == 8


@pytest.mark.parametrize(("pairs", "gap"), [(40, None), (41, "… 1 pair between"), (45, "… 5 pairs between")])
def test_of_many_pairs_the_20_highest_and_the_20_lowest_gains_are_shown(pairs, gap, tmp_path):
    runs = [fake_run("alone", "cnn", test_accuracy=50.0)]
    for place in range(pairs):
        changes = {"teacher": f"t{place // 9}", "method": f"m{place % 9}", "test_accuracy": 50.0 + place}
        runs.append(fake_run("distilled", "cnn", **changes))
    _, ax = draw_gain(written_table(runs, tmp_path)).axes
    gains = {line.get_ydata()[0]: line.get_xdata()[0] for line in ax.lines if line.get_marker() == "x"}
    assert sorted(gains.values()) == [*range(20), *range(pairs - 20, pairs)]
    names = [label.get_text() for label in ax.get_yticklabels()]
    assert (names[0], names[-1]) == ("cnn from t0, m0", f"cnn from t{(pairs - 1) // 9}, m{(pairs - 1) % 9}")
    assert [names[place] for place in range(len(names)) if place not in gains] == [gap] * bool(gap)


def test_a_gain_is_filled_only_where_its_interval_excludes_zero(tmp_path):
    runs = []
    for seed, (sure, unsure) in enumerate([(2.0, -1.0), (2.1, 1.0), (1.9, 0.3)]):
        runs.append(fake_run("alone", "cnn", seed, test_accuracy=80.0))
        runs.append(fake_run("distilled", "cnn", seed, teacher="sure", test_accuracy=80 + sure))
        runs.append(fake_run("distilled", "cnn", seed, teacher="unsure", test_accuracy=80 + unsure))
    (ax,) = draw_gain(written_table(runs, tmp_path)).axes
    fills = {line.get_ydata()[0]: line.get_markerfacecolor() for line in ax.lines if line.get_marker() == "o"}
    assert fills[0] == "white"  # unsure: the lower gain
    assert fills[1] != "white"


def test_heat_map_writes_accuracy_and_gain_of_each_pair_and_a_dash_for_none(tmp_path):
    runs = [run for run in fake_study(2, 2, 1) if (run["teacher"], run["name"]) != ("preactresnet18", "cnn")]
    table = written_table(runs, tmp_path)
    ax = draw_heat_map(table).axes[0]
    pair = table[(table["teacher"] == "resnet18") & (table["name"] == "cnn")].iloc[0]
    assert f"{pair['test_accuracy']:.2f}\n{pair['gain']:+.2f}" in texts(ax)
    assert texts(ax).count("\N{EN DASH}") == 1
    assert [label.get_text() for label in ax.get_yticklabels()] == [
        "(baseline)",
        "resnet18",
        "preactresnet18",
    ]


def test_all_heat_maps_share_one_colour_scale(tmp_path):
    figure = draw_heat_map(written_table(fake_study(2, 2, 1, methods=("kd", "at")), tmp_path))
    meshes = [ax.collections[0] for ax in figure.axes[:2]]
    assert meshes[0].norm is meshes[1].norm


def test_curves_are_means_over_seeds_and_bands_their_range():
    histories = [
        pd.DataFrame({"epoch": [1, 2], "validation_accuracy": values}) for values in ([10, 30], [20, 50])
    ]
    figure = draw_learning_curves(gather([Metrics(**fake_run(seed=seed)) for seed in (0, 1)], histories))
    (ax,) = [ax for part in figure.subfigs for ax in part.axes]
    assert list(ax.lines[0].get_ydata()) == [15, 40]
    band = ax.collections[0].get_paths()[0].vertices
    assert {(1, 10), (1, 20), (2, 30), (2, 50)} <= set(map(tuple, band))


def test_a_student_that_is_not_distilled_is_not_forgotten():
    runs = [fake_run("alone", "cnn"), fake_run("alone", "vgg11"), fake_run("distilled", "cnn")]
    (part,) = draw_learning_curves(curves_of(runs)).subfigs
    assert [ax.get_title("left") for ax in part.axes] == ["cnn, kd", "vgg11"]


@pytest.mark.parametrize("teachers", [("resnet18",), ("(none)",), ("resnet18", "vgg16")])
def test_the_legend_of_curves_names_what_is_drawn(teachers):
    runs = [fake_run("alone", "cnn"), *(fake_run("distilled", "cnn", teacher=name) for name in teachers)]
    (part,) = draw_learning_curves(curves_of(runs)).subfigs
    (ax,) = part.axes
    thin = [line for line in ax.lines if line.get_linewidth() < 1]
    assert len(thin) == (2 if len(teachers) == 2 else 0)
    named = legend_of(part)
    assert named == ["distilled, each teacher"] * bool(thin) + ["distilled, mean", "baseline"]


def test_the_legend_of_curves_has_one_order_whatever_the_first_panel_shows():
    runs = [fake_run("alone", "cnn"), fake_run("distilled", "cnn", teacher="(none)", method="tfkd")]
    runs += [fake_run("distilled", "cnn", teacher=name) for name in ("resnet18", "vgg16")]
    (part,) = draw_learning_curves(curves_of(runs)).subfigs
    assert legend_of(part) == ["distilled, each teacher", "distilled, mean", "baseline"]


def test_gather_refuses_lists_of_different_length():
    with pytest.raises(ValueError, match="shorter"):
        gather([Metrics(**fake_run(seed=seed)) for seed in (0, 1)], [fake_history(fake_run())])


def test_a_method_that_ruins_its_student_is_in_the_picture(tmp_path):
    """Marks that are moved aside do not widen the axes by themselves."""
    runs = [fake_run("alone", "cnn", test_accuracy=80.0)]
    runs += [
        fake_run("distilled", "cnn", method=name, test_accuracy=at) for name, at in (("a", 20.0), ("b", 95.0))
    ]
    (ax,) = draw_accuracy_parameters(written_table(runs, tmp_path)).axes
    low, high = ax.get_ylim()
    assert low < 20
    assert high > 95


def marks(ax) -> list[tuple[float, float]]:
    """Where the open marks stand, in the numbers of the axes, once they are moved aside."""
    found = [line for line in ax.lines if line.get_markerfacecolor() == "none"]
    pixels = [line.get_transform().transform(line.get_xydata()) for line in found]
    return [tuple(point) for some in pixels for point in ax.transData.inverted().transform(some)]


def legend_of(figure) -> list[str]:
    (legend,) = figure.legends
    return [text.get_text() for text in legend.get_texts()]


def test_many_methods_have_one_mark_that_stands_in_its_place(tmp_path):
    table = written_table(fake_study(teachers=2, students=2, seeds=2, methods=MANY_METHODS), tmp_path)
    figure = draw_accuracy_parameters(table)
    assert [text for text in legend_of(figure) if "distilled" in text] == ["distilled, 9 methods"]
    rows = table[table["role"] == "distilled student"]
    true = list(zip(rows["parameters"], rows["test_accuracy"], strict=True))
    assert sorted(marks(figure.axes[0])) == [pytest.approx(place) for place in sorted(true)]
    eight = draw_accuracy_parameters(table[table["method"] != "method8"])
    assert [text for text in legend_of(eight) if "distilled" in text] == [
        f"distilled, {method}" for method in MANY_METHODS[:8]
    ]
    to_pixels = eight.axes[0].transData.transform
    own = {cost: to_pixels((cost, 90))[0] for cost in (122_570, 9_231_114)}
    aside = [
        min(abs(to_pixels(place)[0] - pixel) for pixel in own.values()) for place in marks(eight.axes[0])
    ]
    assert 0 < max(aside) <= 16.01 / 72 * eight.dpi  # points of type


def test_a_student_whose_method_changed_it_stands_at_its_true_cost(tmp_path):
    """A mark moved aside would be read as a cost; the student's own are not mistaken, they stand together."""
    runs = [fake_run("alone", "cnn", test_accuracy=80.0), fake_run("distilled", "cnn", test_accuracy=81.0)]
    changed = {"method": "simkd", "parameters": 130_000}
    runs += [fake_run("distilled", "cnn", test_accuracy=82.0, **changed)]
    runs += [fake_run("distilled", "cnn", teacher="vgg16", method="simkd", test_accuracy=83.0)]
    figure = draw_accuracy_parameters(written_table(runs, tmp_path))
    places = {round(accuracy): cost for cost, accuracy in marks(figure.axes[0])}
    assert places[82] == pytest.approx(130_000)
    assert places[81] < 122_570 < places[83]
    assert [text for text in legend_of(figure) if "distilled" in text] == [
        "distilled, kd",
        "distilled, simkd",
    ]


def test_no_name_covers_the_front_where_there_is_another_place(tmp_path):
    """Right of its point, the nearest place, a name would stand on the step that leads to the next point."""
    runs = [
        fake_run(name=f"network{place}", test_accuracy=70.0 + place, parameters=10**place)
        for place in range(3, 8)
    ]
    figure = draw_accuracy_parameters(written_table(runs, tmp_path))
    (ax,) = figure.axes
    figure.draw_without_rendering()
    (line,) = [line for line in ax.lines if line.get_label() == "Pareto front"]
    corners = [line.get_xydata()[0]]
    for x, y in line.get_xydata()[1:]:
        corners += [(x, corners[-1][1]), (x, y)]
    front = matplotlib.path.Path(ax.transData.transform(corners))
    assert len(ax.texts) == 5
    for text in ax.texts:
        covered = matplotlib.text.Text.get_window_extent(text)
        assert not front.intersects_bbox(covered, filled=False), text.get_text()


def test_the_front_holds_what_nothing_beats_in_both():
    """b is dearer than a and better; c is dearer than b and no better, d is a with less, e equals b."""
    cost, accuracy = [1.0, 3.0, 4.0, 1.0, 3.0], [70.0, 80.0, 80.0, 60.0, 80.0]
    front = pareto_front(pd.Series(cost), pd.Series(accuracy))
    assert front.to_dict("list") == {"cost": [1.0, 3.0], "accuracy": [70.0, 80.0]}
    assert pareto_front(pd.Series([2.0, None]), pd.Series([None, 1.0])).empty


def front_of(ax):
    (line,) = [line for line in ax.lines if line.get_label() == "Pareto front"]
    assert line.get_drawstyle() == "steps-post"
    return list(zip(*line.get_data(), strict=True))


def test_the_front_is_drawn_against_parameters_and_latency(tmp_path):
    runs = [fake_run(name="vgg16", test_accuracy=90.0), fake_run("alone", "cnn", test_accuracy=80.0)]
    runs += [fake_run("distilled", "cnn", teacher="vgg16", test_accuracy=85.0)]
    table = written_table(runs, tmp_path)
    (ax,) = draw_accuracy_parameters(table).axes
    assert front_of(ax) == [(122_570, 85.0), (14_728_266, 90.0)]
    # The teacher is the faster one here, and so alone on its front.
    latency = fake_latency(["vgg16", "cnn"])
    (ax,) = draw_accuracy_latency(table, latency).axes
    assert not [line for line in ax.lines if line.get_label() == "Pareto front"]
    (ax,) = draw_accuracy_latency(table, fake_latency(["cnn", "vgg16"])).axes
    assert front_of(ax) == [(0.25, 85.0), (0.75, 90.0)]
    assert ax.get_xlabel() == "milliseconds for one image (AMD EPYC, 1 thread)"


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("known", [(), ("cnn",), ("cnn", "resnet18")])
def test_networks_without_a_latency_are_left_out_and_named(known, tmp_path):
    table = written_table(fake_study(teachers=2, students=1), tmp_path)
    figure = draw_accuracy_latency(table, fake_latency(known))
    figure.savefig(tmp_path / "plot.png", dpi=40)
    if not known:
        assert "no latency is known" in figure.texts[0].get_text()
        return
    (ax,) = figure.axes
    absent = [name for name in ("resnet18", "preactresnet18") if name not in known]
    assert ax.get_title(loc="left") == "latency unknown: " + ", ".join(absent)
    assert set(texts(ax)) == set(known)


def test_maps_of_many_methods_stand_beside_each_other(tmp_path):
    def drawn(students, methods):
        names = tuple(f"m{number}" for number in range(methods))
        return draw_heat_map(written_table(fake_study(2, students, 1, methods=names), tmp_path))

    few, many, wide = drawn(1, 4), drawn(1, 7), drawn(2, 5)
    columns = [figure.axes[0].get_subplotspec().get_gridspec().ncols for figure in (few, many, wide)]
    assert columns == [1, 3, 2]
    assert many.get_figheight() < few.get_figheight()
    titles = [ax.get_title(loc="left") for ax in many.axes if ax.get_visible()]
    assert [title for title in titles if title] == [f"m{number}" for number in range(7)]
    names = [" ".join(label.get_text() for label in ax.get_yticklabels()).strip() for ax in many.axes[:3]]
    assert names == ["(baseline) resnet18 preactresnet18", "", ""]  # the same teachers are named once


def test_a_heat_map_has_the_teachers_of_its_own_method_alone(tmp_path):
    runs = [fake_run("alone", "cnn"), fake_run("distilled", "cnn", teacher="(none)", method="tfkd")]
    runs += [fake_run("distilled", "cnn", teacher=teacher) for teacher in ("resnet18", "vgg16")]
    maps = {ax.get_title(loc="left"): ax for ax in draw_heat_map(written_table(runs, tmp_path)).axes}
    names = {
        title: [label.get_text() for label in ax.get_yticklabels()] for title, ax in maps.items() if title
    }
    assert names == {"kd": ["(baseline)", "resnet18", "vgg16"], "tfkd": ["(baseline)", "(none)"]}


def test_every_name_is_written_beside_its_point_and_none_on_another(tmp_path):
    figure = draw_accuracy_parameters(written_table(fake_study(6, 2, 3), tmp_path))
    (ax,) = figure.axes
    figure.draw_without_rendering()
    assert set(texts(ax)) == {*TEACHERS, "cnn", "vgg11"}
    boxes = [matplotlib.text.Text.get_window_extent(text) for text in ax.texts]
    for place, box in enumerate(boxes):
        assert not any(box.overlaps(other) for other in boxes[:place])


@pytest.mark.parametrize("value", [place / 20 for place in range(21)])
def test_text_in_a_cell_has_the_better_contrast(value):
    """WCAG asks for 4.5; one of black and white always has it."""
    colour = COLOURS(value)
    other = {"black": "white", "white": "black"}[ink_on(colour)]
    assert contrast(colour, ink_on(colour)) >= max(4.5, contrast(colour, other))


def contrast(first, second) -> float:
    """WCAG 2 contrast ratio of two colours."""
    low, high = sorted(map(luminance, (first, second)))
    return (high + 0.05) / (low + 0.05)


def luminance(colour) -> float:
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(colour)]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_short_keeps_both_ends():
    assert short("resnet18") == "resnet18"
    assert short("x" * 18) == "x" * 18
    assert short("a" * 30 + "b" * 30) == "a" * 12 + "…" + "b" * 5  # 18 in all


def test_files_are_equal_byte_for_byte_whatever_the_users_settings(tmp_path):
    table = written_table(STUDIES["smallest"], tmp_path)
    for name, size in (("first", 10.0), ("second.dotted", 33.0)):
        with matplotlib.rc_context({"font.size": size, "svg.hashsalt": None}):
            save(draw_heat_map(table), tmp_path / name)
    for suffix in (".svg", ".png"):
        first, second = (tmp_path / f"{name}{suffix}" for name in ("first", "second.dotted"))
        assert first.read_bytes() == second.read_bytes()
    assert "<dc:date>" not in (tmp_path / "first.svg").read_text(encoding="utf-8")


def test_saving_leaves_nothing_behind_but_two_files(tmp_path):
    save(message("nothing"), tmp_path / "plots" / "empty")
    assert sorted(path.name for path in (tmp_path / "plots").iterdir()) == ["empty.png", "empty.svg"]


def test_in_the_dark_white_is_paper_black_is_ink_and_colours_keep_their_hue():
    assert (in_the_dark("#ffffff"), in_the_dark("#000000")) == (PAPER, INK)
    assert f"--paper: {PAPER}; --ink: {INK};" in STYLE.split("prefers-color-scheme: dark")[1]
    # Lightness is half the sum of the largest and the smallest: 128/510 becomes 382/510, of 255 and 127.
    assert in_the_dark("#804000") == "#ffbf7f"


@pytest.mark.parametrize("colour", [BASELINE, DISTILLED, COLOURS(0.85), WARM(0.95), (0.35,) * 3, (0.25,) * 3])
def test_what_is_seen_on_white_is_seen_on_the_dark_paper(colour):
    """WCAG asks for 3 of what is not text; COLOURS(0.85), the lightest of lines, has less on white."""
    wanted = min(3, contrast(colour, "white"))
    assert contrast(in_the_dark(to_hex(colour)), PAPER) >= wanted


def test_an_svg_is_dark_for_who_prefers_it_and_as_it_was_for_all_others(tmp_path):
    """All that is new stands within one media query; the ids of texts on colours are each there once."""
    table = written_table(fake_study(2, 2, 1, methods=("kd", "at")), tmp_path)
    save(draw_heat_map(table), tmp_path / "map")
    written = (tmp_path / "map.svg").read_text(encoding="utf-8")
    style.save(draw_heat_map(table), tmp_path / "plain")
    root = ElementTree.fromstring(written)
    dark = root.find(".//{http://www.w3.org/2000/svg}style").text.split("}", 1)[1]
    assert written.replace(dark, "") == (tmp_path / "plain.svg").read_text(encoding="utf-8")
    assert dark.strip().startswith("@media (prefers-color-scheme: dark) {")
    assert dark.count("{") == dark.count("}")
    assert 'stroke: #ffffff"] { stroke: #15181c !important }' in dark
    ids = [part.get("id") for part in root.iter() if part.get("id", "").startswith("cell-")]
    assert len(ids) == len(set(ids)) == 2 * 3 * 2  # maps, teachers and (baseline), students


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


@pytest.mark.parametrize(
    ("script", "foreign"),
    [
        ("draw_plots", ("torch", "kd.results.table", "kd.results.text", "kd.report")),
        ("build_table", ("torch", "kd.plots", "matplotlib", "kd.report")),
        ("prepare_data", ("kd.plots.saving", "kd.plots.gain")),  # or all would be trained anew
        ("build_report", ("torch", "kd.plots", "matplotlib")),
    ],
)
def test_scripts_import_only_what_they_use(script, foreign):
    """A change to the plots must not make a table anew, nor the other way round."""
    code = f"import sys, {script}; print(set({foreign!r}) & set(sys.modules))"
    folder = Path(draw_plots.__file__).parent
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True)
    assert (done.stdout.strip(), done.stderr) == ("set()", "")


def test_main_colours_differ_in_grey():
    assert abs(luminance(BASELINE) - luminance(DISTILLED)) > 0.2
