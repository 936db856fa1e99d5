"""The plot of a sweep: maps, points, parallel coordinates and importance; a line of a single key."""

import pandas as pd
import pytest
from tiers import sample

import draw_sweep
from kd.plots.sweeps.importance import importance
from kd.plots.sweeps.trials import caption
from kd.plots.sweeps.trials import draw_sweep as draw


def table(values, chosen=0):
    """Trials of one seed whose accuracies are 50, 51, ..."""
    rows = [
        {
            "place": place,
            **keys,
            "validation_accuracy": 50.0 + place,
            "validation_accuracy_std": None,
            "chosen": place == chosen,
        }
        for place, keys in enumerate(values)
    ]
    return pd.DataFrame(rows).astype({"chosen": int})


GRID = [{"t": t, "w": w} for t in (1.0, 4.0, 16.0) for w in (0.5, 0.9)]
RANDOM = [{"t": 1.3, "w": 0.1}, {"t": 7.0, "w": 0.4}, {"t": 11.0, "w": 0.3}, {"t": 2.0, "w": 0.9}]


def test_a_grid_is_a_map_with_its_accuracies_and_a_frame_around_the_choice():
    ax, *_ = draw({"one": table(GRID, chosen=5)}, ["t", "w"], ["t"]).axes
    assert [text.get_text() for text in ax.texts] == ["50.0", "52.0", "54.0", "51.0", "53.0", "55.0"]
    assert [label.get_text() for label in ax.get_xticklabels()] == ["1", "4", "16"]
    (frame,) = ax.patches
    assert frame.get_xy() == (1.5, 0.5)


def test_random_trials_are_points_on_logarithmic_axes():
    ax, *_ = draw({"one": table(RANDOM, chosen=1)}, ["t", "w"], ["t"]).axes
    assert (ax.get_xscale(), ax.get_yscale()) == ("log", "linear")
    points, ring = ax.collections
    assert len(points.get_offsets()) == 4
    assert ring.get_offsets().tolist() == [[7.0, 0.4]]


def test_a_single_key_is_a_line_in_the_order_of_its_values():
    (ax,) = draw({"one": table([{"t": 4.0}, {"t": 1.0}])}, ["t"], ["t"]).axes
    assert list(ax.lines[0].get_xdata()) == [1.0, 4.0]
    assert list(ax.lines[0].get_ydata()) == [51.0, 50.0]


def test_of_a_third_key_the_best_is_seen():
    both = [{**keys, "z": z} for keys in GRID for z in (1, 2)]
    ax = draw({"one": table(both)}, ["t", "w", "z"], []).axes[0]
    assert ax.texts[0].get_text() == "51.0"


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    "values",
    [
        [{"t": 1.0, "w": 0.5}],
        [{"t": "a", "w": True}, {"t": "b", "w": False}, {"t": "c", "w": True}],
        GRID * 2,
        RANDOM,
        [{"t": float(t), "w": float(w)} for t in range(20) for w in range(3)],
    ],
)
@pytest.mark.parametrize("keys", sample((["t"], ["t", "w"]), (["t", "w"],)))
def test_odd_sweeps_are_drawn_without_a_warning(values, keys):
    rows = table(values)
    rows.loc[len(rows) - 1, "validation_accuracy"] = None if len(rows) > 1 else 50.0  # it diverged
    draw({"one": rows, "other": rows}, keys, []).draw_without_rendering()


@pytest.mark.full
def test_the_script_reads_what_the_choice_wrote(tmp_path):
    table(GRID).to_csv(tmp_path / "trials.csv", index=False)
    draw_sweep.main(
        [tmp_path / "trials.csv"], ["a \N{RIGHTWARDS ARROW} b"], ["t", "w"], ["t"], tmp_path / "kd"
    )
    written = sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.*"))
    assert written == ["kd.png", "kd.svg", "narrow/kd.svg", "trials.csv"]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("keys", [["ema"], ["ema", "w"]])
def test_a_number_that_is_not_set_in_some_trials_is_the_word_none(keys, tmp_path, monkeypatch):
    """As `recipe.ema: [null, 0.9]` gives it."""
    kept = []
    monkeypatch.setattr(draw_sweep, "save_plot", lambda plot, stem: kept.append(plot.draw(6.3)))
    values = [{"ema": ema, "w": w} for ema in (0.9, None) for w in (1, 2)]
    table(values, chosen=2).to_csv(tmp_path / "trials.csv", index=False)
    draw_sweep.main([tmp_path / "trials.csv"], ["one"], keys, [], tmp_path / "kd")
    labels = [label.get_text() for label in kept[0].axes[0].get_xticklabels()]
    assert labels == ["0.9", "none"]


def test_parallel_coordinates_have_a_line_for_each_trial_and_a_thick_one_for_the_choice():
    _, ax, *_ = draw({"one": table(GRID, chosen=5)}, ["t", "w"], ["t"]).axes
    lines = [line for line in ax.lines if len(line.get_xdata()) == 3]
    assert len(lines) == 6
    (chosen,) = [line for line in lines if line.get_linewidth() == 3]
    assert list(chosen.get_ydata()) == [1, 1, 1]  # 16 of 1 to 16, 0.9 of 0.5 and 0.9, the highest accuracy
    heights = {line.get_ydata()[0] for line in lines}
    assert sorted(heights) == pytest.approx([0, 0.5, 1])  # 1, 4 and 16 on a logarithmic axis


def test_importance_is_the_share_of_variance_between_groups_without_what_chance_gives():
    """w explains 0, 0, 10, 10 of two values each: SSB 100, SSE 4, n 4, k 2: (100 - 1 · 4 / 2) / 104."""
    trials = pd.DataFrame(
        {"w": [1, 1, 2, 2], "t": ["a", "b", "a", "b"], "validation_accuracy": [-1.0, 1, 9, 11]}
    )
    shares = importance(trials, ["w", "t"])
    assert shares["w"] == pytest.approx(98 / 104)
    assert shares["t"] == 0
    assert importance(trials[:2], ["w", "t"]) == pytest.approx(
        {"w": float("nan"), "t": float("nan")}, nan_ok=True
    )
    assert caption({"x": trials}, ["w", "t"]).endswith("w explains most of the variance (94%).")


def test_a_number_with_many_values_is_grouped_in_quarters():
    trials = pd.DataFrame({"w": range(40), "validation_accuracy": [float(k // 10) for k in range(40)]})
    assert importance(trials, ["w"])["w"] == 1


@pytest.mark.parametrize("keys", [["t"], ["t", "w"]])
def test_captions_have_30_words_at_most(keys):
    assert len(caption({"one": table(GRID)}, keys).split()) <= 30
