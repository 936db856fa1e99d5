"""Curves over epochs: means, bands, and a legend of what is drawn."""

import pandas as pd
import pytest
from drawn_studies import curves_of, legend_of
from fake_runs import fake_history, fake_run

from kd.errors import UserError
from kd.plots.curves import learning, losses
from kd.plots.curves.history import MEASURES, gather, most_accurate, networks_of, read_epochs
from kd.plots.curves.learning import draw_learning_curves
from kd.plots.curves.losses import draw_losses
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
    always = ["distilled, mean", "baseline", "on training images"]
    assert named == ["distilled, each teacher"] * bool(thin) + always


def test_the_legend_of_curves_has_one_order_whatever_the_first_panel_shows():
    runs = [fake_run("alone", "cnn"), fake_run("distilled", "cnn", teacher="(none)", method="tfkd")]
    runs += [fake_run("distilled", "cnn", teacher=name) for name in ("resnet18", "vgg16")]
    (part,) = draw_learning_curves(curves_of(runs)).subfigs
    assert legend_of(part)[:3] == ["distilled, each teacher", "distilled, mean", "baseline"]


def test_gather_refuses_lists_of_different_length():
    with pytest.raises(ValueError, match="shorter"):
        gather([Metrics(**fake_run(seed=seed)) for seed in (0, 1)], [fake_history(fake_run())])


def test_losses_of_training_and_validation_are_in_one_panel_for_each_network():
    runs = [fake_run(), fake_run("alone", "cnn"), fake_run("alone", "cnn", 1), fake_run("distilled", "cnn")]
    histories = [
        pd.DataFrame({"epoch": [1, 2], "loss": [2.0, place], "validation_loss": [3.0, 4.0]})
        for place in (0.5, 1.0, 2.0, 0.25)
    ]
    curves = gather([Metrics(**run) for run in runs], histories)
    figure = draw_losses(curves)
    titles = [ax.get_title("left") for ax in figure.axes]
    assert titles == ["resnet18 (teacher)", "cnn (baseline)", "cnn, kd"]
    training, validation = figure.axes[1].lines
    assert list(training.get_ydata()) == [2.0, 1.5]
    assert list(validation.get_ydata()) == [3.0, 4.0]
    assert [len(ax.collections) for ax in figure.axes] == [0, 2, 0]  # bands, where there are several runs
    assert legend_of(figure) == ["training loss", "validation loss"]


def test_of_many_networks_those_that_end_highest_are_drawn():
    runs = [fake_run("alone", f"net{place}", test_accuracy=50.0 + place) for place in range(30)]
    curves = curves_of(runs)
    groups = networks_of(curves)
    assert list(most_accurate(groups)) == [f"net{place} (baseline)" for place in range(6, 30)]
    assert losses.caption(curves).endswith("The 24 most accurate of 30.")
    (part,) = draw_learning_curves(curves).subfigs
    assert len([ax for ax in part.axes if ax.get_visible()]) == 12


def test_a_history_that_is_not_whole_is_named(tmp_path):
    path = tmp_path / "history.csv"
    path.write_text("epoch,loss\n1,2\n")
    with pytest.raises(UserError, match=r"history\.csv"):
        read_epochs(path)
    fake_history(fake_run()).to_csv(path, index=False)
    assert list(read_epochs(path).columns) == ["epoch", *MEASURES]


def test_without_a_validation_split_training_is_drawn(tmp_path):
    """The history has no such columns; the accuracy on training images takes the place."""
    runs = [fake_run(), fake_run("alone", "cnn"), fake_run("distilled", "cnn")]
    histories = []
    for place, run in enumerate(runs):
        path = tmp_path / f"{place}.csv"
        fake_history(run).drop(columns=["validation_loss", "validation_accuracy"]).to_csv(path, index=False)
        histories.append(read_epochs(path))
    curves = gather([Metrics(**run) for run in runs], histories)
    teachers, students = draw_learning_curves(curves).subfigs
    assert teachers.axes[0].get_ylabel() == "training accuracy (%)"
    assert students.get_supylabel() == "training accuracy (%)"
    (ax,) = students.axes
    expected = histories[2]["train_accuracy"]
    assert list(ax.lines[0].get_ydata()) == pytest.approx(list(expected))
    assert legend_of(students) == ["distilled, mean", "baseline"]
    assert learning.caption(curves).startswith("No validation split: accuracy on augmented training images")
    assert legend_of(draw_losses(curves)) == ["training loss"]
    assert losses.title(curves) == "Training loss"
    assert losses.caption(curves).startswith("No validation split.")
