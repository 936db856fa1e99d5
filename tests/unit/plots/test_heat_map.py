"""The heat maps: a cell for each pair, coloured by its gain."""

import numpy as np
import pytest
from drawn_studies import texts, written_table
from fake_runs import fake_run, fake_study

from kd.plots.heat_map import draw_heat_map


def names_of(axis) -> list[str]:
    return [label.get_text() for label in axis.get_ticklabels()]


def test_heat_map_writes_gain_and_accuracy_of_each_pair_and_a_dash_for_none(tmp_path):
    runs = [run for run in fake_study(2, 2, 1) if (run["teacher"], run["name"]) != ("preactresnet18", "cnn")]
    table = written_table(runs, tmp_path)
    ax = draw_heat_map(table).axes[0]
    pair = table[(table["teacher"] == "resnet18") & (table["name"] == "cnn")].iloc[0]
    signed = f"{pair['gain']:+.2f}".replace("-", "\N{MINUS SIGN}")
    assert f"{signed}\n{pair['test_accuracy']:.2f}" in texts(ax)
    assert texts(ax).count("\N{EN DASH}") == 1
    assert names_of(ax.yaxis) == ["(baseline)", "resnet18", "preactresnet18"]


def test_all_heat_maps_share_one_colour_scale_with_no_gain_in_its_middle(tmp_path):
    figure = draw_heat_map(written_table(fake_study(2, 2, 1, methods=("kd", "at")), tmp_path))
    meshes = [ax.collections[0] for ax in figure.axes[:2]]
    assert meshes[0].norm is meshes[1].norm
    assert meshes[0].norm(0) == 0.5
    assert np.ma.getmaskarray(meshes[0].get_array()).sum() == 2  # the baselines have no gain


def test_a_ruined_student_does_not_make_all_others_white(tmp_path):
    runs = [fake_run("alone", "cnn", test_accuracy=80.0)]
    for teacher, accuracy in (("a", 81.0), ("b", 82.0), ("c", 79.0), ("d", 20.0)):
        runs.append(fake_run("distilled", "cnn", teacher=teacher, test_accuracy=accuracy))
    figure = draw_heat_map(written_table(runs, tmp_path))
    assert figure.axes[0].collections[0].norm.vmax == pytest.approx(3 * 1.5)  # the median of 1, 2, 1, 60
    assert figure.axes[-1]._colorbar.extend == "min"


def test_many_methods_are_the_rows_of_one_map_the_highest_average_on_top(tmp_path):
    methods = tuple(f"m{number}" for number in range(7))
    table = written_table(fake_study(2, 2, 2, methods=methods), tmp_path)
    ax, _ = draw_heat_map(table).axes
    means = table[table["role"] == "mean over pairs"].sort_values("gain", ascending=False)
    assert names_of(ax.yaxis) == list(means["method"])
    assert names_of(ax.xaxis)[:2] == ["average", "cnn from resnet18"]
    assert texts(ax)[0] == f"{means['gain'].iloc[0]:+.2f}"
    crowded = written_table(fake_study(6, 2, 1, methods=methods), tmp_path)
    assert names_of(draw_heat_map(crowded).axes[0].xaxis) == ["average"]


def test_a_heat_map_has_the_teachers_of_its_own_method_alone(tmp_path):
    runs = [fake_run("alone", "cnn"), fake_run("distilled", "cnn", teacher="(none)", method="tfkd")]
    runs += [fake_run("distilled", "cnn", teacher=teacher) for teacher in ("resnet18", "vgg16")]
    maps = {ax.get_title(loc="left"): ax for ax in draw_heat_map(written_table(runs, tmp_path)).axes}
    names = {title: names_of(ax.yaxis) for title, ax in maps.items() if title}
    assert names == {"kd": ["(baseline)", "resnet18", "vgg16"], "tfkd": ["(baseline)", "(none)"]}
