"""Learning curves: means, bands, and a legend of what is drawn."""

import pandas as pd
import pytest
from drawn_studies import curves_of, legend_of
from fake_runs import fake_history, fake_run

from kd.plots.learning_curves import draw_learning_curves, gather
from kd.results.metrics import Metrics


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
