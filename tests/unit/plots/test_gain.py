"""The plot of gains: sorted, with their intervals, and of many methods a part."""

import pytest
from drawn_studies import MANY_METHODS, written_table
from fake_runs import fake_run, fake_study

from kd.plots.gain import draw_gain
from kd.plots.style import short


def test_gains_stand_sorted_below_their_mean_on_their_values(tmp_path):
    table = written_table(fake_study(teachers=3, students=1, seeds=3), tmp_path)
    (ax,) = draw_gain(table).axes
    names = [label.get_text() for label in ax.get_yticklabels()]
    gains = table[table["role"] == "distilled student"].sort_values("gain")
    assert names == [*(f"cnn from {teacher}" for teacher in gains["teacher"]), "average over pairs"]
    drawn = [bars.lines[2][0].get_segments()[0] for bars in ax.containers]  # the bar of each row
    for segment, row in zip(drawn, gains.itertuples(), strict=False):
        assert segment[:, 0] == pytest.approx([row.gain - row.gain_ci95, row.gain + row.gain_ci95])


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
