"""The heat maps: a cell for each pair, on one colour scale."""

from drawn_studies import texts, written_table
from fake_runs import fake_run, fake_study

from kd.plots.heat_map import draw_heat_map


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
