"""The single runs, and gains against the accuracies of teachers."""

import matplotlib
import numpy as np
import pytest
from drawn_studies import seeds_of, texts, written_table
from fake_runs import fake_run

from kd.plots import teacher_gain
from kd.plots.seeds import read_runs, values_of
from kd.results.metrics import write_metrics


def test_a_gain_is_over_the_baseline_with_the_same_seed(tmp_path):
    runs = [fake_run("alone", "cnn", seed, test_accuracy=80.0 + seed) for seed in (0, 1)]
    runs += [fake_run("distilled", "cnn", seed, test_accuracy=83.0 + 2 * seed) for seed in (0, 1)]
    paths = [tmp_path / str(place) / "metrics.json" for place in range(4)]
    for path, run in zip(paths, runs, strict=True):
        path.parent.mkdir()
        write_metrics(path, run)
    paths[0].with_name("model.safetensors").write_bytes(b"12345")
    seeds = read_runs(paths)
    row = next(written_table(runs, tmp_path).query("role == 'distilled student'").itertuples())
    assert values_of(seeds, row, "gain") == [3.0, 4.0]
    assert values_of(seeds, row, "test_accuracy") == [83.0, 85.0]
    assert seeds["bytes"].tolist() == [5, *[pytest.approx(np.nan, nan_ok=True)] * 3]


def taught(teachers, baseline=80.0):
    """Teachers by accuracy, and the gain of the student of each."""
    runs = [fake_run("alone", "cnn", test_accuracy=baseline)]
    for name, (accuracy, gain) in teachers.items():
        runs.append(fake_run(name=name, test_accuracy=accuracy))
        runs.append(fake_run("distilled", "cnn", teacher=name, test_accuracy=baseline + gain))
    return runs


def test_gains_are_at_the_accuracy_of_their_teacher_with_their_correlation(tmp_path):
    runs = taught({"a": (85.0, 1.0), "b": (90.0, 2.0), "c": (95.0, 0.5)})
    table = written_table(runs, tmp_path)
    figure = teacher_gain.draw_teacher_gain(table, seeds_of(runs))
    (ax,) = figure.axes
    marks = [line.get_xydata()[0].tolist() for line in ax.lines if line.get_marker() == "^"]
    assert marks == [[85.0, 1.0], [90.0, 2.0], [95.0, 0.5]]
    correlation = np.corrcoef([85, 90, 95], [1, 2, 0.5])[0, 1]
    assert f"{correlation:+.2f} for cnn".replace("-", "\N{MINUS SIGN}") in teacher_gain.caption(table)
    assert set(texts(ax)) == {"a", "b", "c"}
    assert not ax.patches


def test_a_teacher_below_the_baseline_is_in_the_grey(tmp_path):
    runs = taught({"weak": (70.0, 1.0), "good": (90.0, 2.0)})
    table = written_table(runs, tmp_path)
    (ax,) = teacher_gain.draw_teacher_gain(table, seeds_of(runs)).axes
    (grey,) = ax.patches
    box = matplotlib.transforms.Bbox.null()
    box.update_from_path(grey.get_path().transformed(grey.get_patch_transform()), ignore=True)
    assert box.x0 == ax.get_xlim()[0] < 70
    assert box.x1 == 80
    assert "teacher below the baseline" in texts(ax)
    assert "Correlation" not in teacher_gain.caption(table)  # of two teachers


def test_without_teachers_there_is_a_message(tmp_path):
    runs = [fake_run("alone", "cnn"), fake_run("distilled", "cnn", teacher="(none)", method="tfkd")]
    figure = teacher_gain.draw_teacher_gain(written_table(runs, tmp_path), seeds_of(runs))
    assert figure.texts[0].get_text() == teacher_gain.NOTHING
