"""Accuracy against parameters, latency and file size: marks, names and the Pareto front."""

import matplotlib
import pandas as pd
import pytest
from drawn_studies import MANY_METHODS, legend_of, seeds_of, texts, written_table
from fake_results import fake_latency
from fake_runs import TEACHERS, fake_run, fake_study

from kd.plots.cost import costs
from kd.plots.cost.accuracy_cost import caption, draw_accuracy
from kd.plots.cost.pareto import pareto_front


def drawn(table):
    return draw_accuracy(costs.parameters(table))


def marks(ax) -> list[tuple[float, float]]:
    """Where the open marks are drawn, in the numbers of the axes."""
    open_marks = [line for line in ax.lines if line.get_markerfacecolor() == "none"]
    pixels = [line.get_transform().transform(line.get_xydata()) for line in open_marks]
    return [tuple(point) for some in pixels for point in ax.transData.inverted().transform(some)]


@pytest.mark.parametrize(
    ("count", "labels"), [(8, [f"distilled, method{k}" for k in range(8)]), (9, ["distilled, 9 methods"])]
)
def test_every_mark_is_at_its_true_cost_of_however_many_methods(count, labels, tmp_path):
    study = fake_study(teachers=2, students=2, seeds=2, methods=MANY_METHODS[:count])
    table = written_table(study, tmp_path)
    figure = drawn(table)
    assert [text for text in legend_of(figure) if "distilled" in text] == labels
    rows = table[table["role"] == "distilled student"]
    true = list(zip(rows["parameters"], rows["test_accuracy"], strict=True))
    assert sorted(marks(figure.axes[0])) == [pytest.approx(place) for place in sorted(true)]


def test_a_student_whose_method_changed_it_has_a_cost_of_its_own(tmp_path):
    runs = [fake_run("alone", "cnn", test_accuracy=80.0), fake_run("distilled", "cnn", test_accuracy=81.0)]
    runs += [fake_run("distilled", "cnn", test_accuracy=82.0, method="simkd", parameters=130_000)]
    figure = drawn(written_table(runs, tmp_path))
    places = {round(accuracy): cost for cost, accuracy in marks(figure.axes[0])}
    assert places == {81: pytest.approx(122_570), 82: pytest.approx(130_000)}


def test_no_name_covers_the_front_where_there_is_another_place(tmp_path):
    """Right of its point, the nearest place, a name would stand on the step that leads to the next point."""
    runs = [
        fake_run(name=f"network{place}", test_accuracy=70.0 + place, parameters=10**place)
        for place in range(3, 8)
    ]
    figure = drawn(written_table(runs, tmp_path))
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


def by_pytorch(names):
    """Latencies of these networks, of which ONNX Runtime ran none."""
    latency = fake_latency(names)
    for network in latency["networks"].values():
        network["onnxruntime_ms"] = None
    return latency


def front_of(ax):
    (line,) = [line for line in ax.lines if line.get_label() == "Pareto front"]
    assert line.get_drawstyle() == "steps-post"
    return list(zip(*line.get_data(), strict=True))


def test_the_front_is_drawn_against_parameters_size_and_latency(tmp_path):
    runs = [fake_run(name="vgg16", test_accuracy=90.0), fake_run("alone", "cnn", test_accuracy=80.0)]
    runs += [fake_run("distilled", "cnn", teacher="vgg16", test_accuracy=85.0)]
    table = written_table(runs, tmp_path)
    assert front_of(*drawn(table).axes) == [(122_570, 85.0), (14_728_266, 90.0)]
    size = costs.file_size(table, seeds_of(runs))
    assert front_of(*draw_accuracy(size).axes) == [(4 * 122_570, 85.0), (4 * 14_728_266, 90.0)]
    # The teacher is the faster one here, and so alone on its front.
    (ax,) = draw_accuracy(costs.latency(table, by_pytorch(["vgg16", "cnn"]))).axes
    assert not [line for line in ax.lines if line.get_label() == "Pareto front"]
    cost = costs.latency(table, by_pytorch(["cnn", "vgg16"]))
    (ax,) = draw_accuracy(cost).axes
    assert front_of(ax) == [(0.25, 85.0), (0.75, 90.0)]
    assert ax.get_xlabel() == "milliseconds for one image in PyTorch\n(AMD EPYC, 1 thread)"
    assert caption(cost).startswith("Test accuracy against the PyTorch latency, on a logarithmic scale.")


def test_latency_is_that_of_onnx_where_it_was_measured(tmp_path):
    measured = by_pytorch(["cnn", "resnet18"])
    measured["networks"]["cnn"]["onnxruntime_ms"] = {"median": 0.01, "low": 0.01, "high": 0.02}
    table = written_table([fake_run(), fake_run("alone", "cnn")], tmp_path)
    cost = costs.latency(table, measured)
    assert cost.rows.set_index("name")["cost"].dropna().to_dict() == {"cnn": 0.01}
    assert cost.label.startswith("milliseconds for one image in ONNX Runtime")


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("known", [(), ("cnn",), ("cnn", "resnet18")])
def test_networks_without_a_latency_are_left_out_and_named(known, tmp_path):
    table = written_table(fake_study(teachers=2, students=1), tmp_path)
    figure = draw_accuracy(costs.latency(table, by_pytorch(known)))
    figure.savefig(tmp_path / "plot.png", dpi=40)
    if not known:
        assert "no PyTorch latency is known" in figure.texts[0].get_text()
        return
    (ax,) = figure.axes
    absent = [name for name in ("resnet18", "preactresnet18") if name not in known]
    assert ax.get_title(loc="left") == "PyTorch latency unknown: " + ", ".join(absent)
    assert set(texts(ax)) == set(known)


def test_every_name_is_written_beside_its_point_and_none_on_another(tmp_path):
    figure = drawn(written_table(fake_study(6, 2, 3), tmp_path))
    (ax,) = figure.axes
    figure.draw_without_rendering()
    assert set(texts(ax)) == {*TEACHERS, "cnn", "vgg11"}
    boxes = [matplotlib.text.Text.get_window_extent(text) for text in ax.texts]
    for place, box in enumerate(boxes):
        assert not any(box.overlaps(other) for other in boxes[:place])
