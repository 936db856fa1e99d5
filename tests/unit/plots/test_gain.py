"""The forest plot of gains: grouped and sorted, with intervals and seeds, and of many methods a part."""

import pytest
from drawn_studies import MANY_METHODS, seeds_of, written_table
from fake_runs import fake_run, fake_study

from kd.plots.gain import caption, draw_gain


def drawn(runs, folder):
    """The axes, the names of its rows, and the ends of the interval of each, by its place from the top."""
    (ax,) = draw_gain(written_table(runs, folder), seeds_of(runs)).axes
    names = [label.get_text() for label in ax.get_yticklabels()]
    segments = [bars.lines[2][0].get_segments()[0] for bars in ax.containers]
    return ax, names, {-round(segment[0, 1]): segment[:, 0] for segment in segments}


def ends(row):
    return pytest.approx([row.gain - row.gain_ci95, row.gain + row.gain_ci95])


def test_gains_are_sorted_below_their_mean_on_their_values(tmp_path):
    runs = fake_study(teachers=3, students=1, seeds=3)
    table = written_table(runs, tmp_path)
    _, names, intervals = drawn(runs, tmp_path)
    gains = table[table["role"] == "distilled student"].sort_values("gain", ascending=False)
    assert names == ["average over pairs", *(f"cnn from {teacher}" for teacher in gains["teacher"])]
    for place, row in enumerate(gains.itertuples(), 1):
        assert intervals[place] == ends(row)


def test_methods_are_groups_of_one_plot(tmp_path):
    runs = fake_study(teachers=2, students=1, seeds=3, methods=("kd", "at"))
    table = written_table(runs, tmp_path)
    _, names, intervals = drawn(runs, tmp_path)
    assert [names[place] for place in (0, 1, 4, 5, 6)] == [
        "kd",
        "average over pairs",
        "",
        "at",
        "average over pairs",
    ]
    assert set(intervals) == {1, 2, 3, 6, 7, 8}
    mean = next(table[(table["role"] == "mean over pairs") & (table["method"] == "at")].itertuples())
    assert intervals[6] == ends(mean)


def test_every_seed_is_drawn(tmp_path):
    runs = fake_study(teachers=1, students=1, seeds=4)
    ax, _, _ = drawn(runs, tmp_path)
    alone, taught = (
        [run["test_accuracy"] for run in runs if run["role"] == role] for role in ("alone", "distilled")
    )
    gains = [after - before for after, before in zip(taught, alone, strict=True)]
    (dots,) = [line.get_xdata() for line in ax.lines if len(line.get_xdata()) == 4]
    assert dots == pytest.approx(gains)


def test_of_many_methods_the_means_are_one_group_and_the_pairs_another(tmp_path):
    runs = fake_study(teachers=2, students=1, seeds=3, methods=MANY_METHODS)
    _, names, intervals = drawn(runs, tmp_path)
    table = written_table(runs, tmp_path).sort_values("gain", ascending=False, kind="stable")
    means = table[table["role"] == "mean over pairs"]
    assert names[:11] == ["average over pairs", *means["method"], ""]
    assert names[11] == "pairs"
    assert len(names) == 12 + 18
    for place, row in enumerate(means.itertuples(), 1):
        assert intervals[place] == ends(row)


@pytest.mark.parametrize(("pairs", "gap"), [(40, None), (41, "… 1 pair between"), (45, "… 5 pairs between")])
def test_of_many_pairs_the_20_highest_and_the_20_lowest_gains_are_shown(pairs, gap, tmp_path):
    runs = [fake_run("alone", "cnn", test_accuracy=50.0)]
    for place in range(pairs):
        changes = {"teacher": f"t{place // 9}", "method": f"m{place % 9}", "test_accuracy": 50.0 + place}
        runs.append(fake_run("distilled", "cnn", **changes))
    ax, names, _ = drawn(runs, tmp_path)
    start = names.index("pairs")
    gains = {
        -round(line.get_ydata()[0]): line.get_xdata()[0] for line in ax.lines if line.get_marker() == "x"
    }
    shown = {place: gain for place, gain in gains.items() if place > start}
    assert sorted(shown.values()) == [*range(20), *range(pairs - 20, pairs)]
    assert names[start + 1] == f"cnn from t{(pairs - 1) // 9}, m{(pairs - 1) % 9}"
    assert names[-1] == "cnn from t0, m0"
    assert [name for name in names if name.startswith("…")] == [gap] * bool(gap)


def test_a_gain_is_filled_only_where_its_interval_excludes_zero(tmp_path):
    runs = []
    for seed, (sure, unsure) in enumerate([(2.0, -1.0), (2.1, 1.0), (1.9, 0.3)]):
        runs.append(fake_run("alone", "cnn", seed, test_accuracy=80.0))
        runs.append(fake_run("distilled", "cnn", seed, teacher="sure", test_accuracy=80 + sure))
        runs.append(fake_run("distilled", "cnn", seed, teacher="unsure", test_accuracy=80 + unsure))
    ax, names, _ = drawn(runs, tmp_path)
    marks = [line for line in ax.lines if line.get_marker() == "o" and len(line.get_xdata()) == 1]
    fills = {names[-round(line.get_ydata()[0])]: line.get_markerfacecolor() for line in marks}
    assert fills["cnn from unsure"] == "white"
    assert fills["cnn from sure"] != "white"


def test_a_method_that_ruins_its_student_does_not_squeeze_all_others(tmp_path):
    runs = [fake_run("alone", "cnn", test_accuracy=80.0)]
    for teacher, gain in (("a", 1.0), ("b", 2.0), ("c", 1.5), ("bad", -50.0)):
        runs.append(fake_run("distilled", "cnn", teacher=teacher, test_accuracy=80 + gain))
    ax, names, _ = drawn(runs, tmp_path)
    low, high = ax.get_xlim()
    assert -1 < low < 0 < 2 < high < 3
    arrows = {names[-round(text.get_position()[1])]: text.get_text() for text in ax.texts}
    assert arrows["cnn from bad"] == "\N{LEFTWARDS ARROW} \N{MINUS SIGN}50.0"


def test_the_caption_is_that_of_the_study(tmp_path):
    one = written_table(fake_study(teachers=1, students=1, seeds=1), tmp_path)
    assert caption(one).endswith("One seed: no interval, may be chance.")
    many = written_table(fake_study(teachers=3, students=2, seeds=2, methods=MANY_METHODS), tmp_path)
    assert "Of 54 pairs, the 20 highest and lowest." in caption(many)
