"""A split by class in which groups stay together."""

from collections import Counter

import numpy as np
import pytest

from kd.data.groups import grouped_split
from kd.errors import UserError


def cut(classes, groups, fraction=0.2, seed=0):
    return grouped_split(classes, groups, fraction, seed, "dataset.test_fraction")


@pytest.mark.parametrize(
    ("count", "fraction", "expected"), [(10, 0.2, 2), (24, 0.2, 5), (3, 0.1, 1), (2, 0.9, 1)]
)
def test_where_each_sample_is_a_group_each_class_gives_its_share(count, fraction, expected):
    classes = ["cat", "dog"] * count
    samples = cut(classes, [str(number) for number in range(2 * count)], fraction)
    assert samples == sorted(samples)
    assert Counter(classes[sample] for sample in samples) == {"cat": expected, "dog": expected}


def test_it_is_a_function_of_names_and_seed_and_not_of_the_order():
    names = [f"{number}" for number in range(40)]
    chosen = {names[i] for i in cut(["a"] * 40, names)}
    assert {names[::-1][i] for i in cut(["a"] * 40, names[::-1])} == chosen
    assert {names[i] for i in cut(["a"] * 40, names, seed=1)} != chosen


@pytest.mark.parametrize("more", [1, 5, 30])
def test_more_samples_change_the_side_of_no_more_than_they_are_and_of_no_other_class(more):
    old, new = [f"old{number}" for number in range(50)], [f"new{number}" for number in range(more)]
    others = [f"other{number}" for number in range(20)]

    def chosen(first):
        names = [*first, *others]
        return {names[i] for i in cut(["a"] * len(first) + ["b"] * 20, names)}

    before, after = chosen(old), chosen([*old, *new])
    moved = (before ^ after) - set(new)
    assert len(moved) <= more
    assert not moved & set(others)


@pytest.mark.parametrize("seed", range(20))
def test_groups_are_whole_and_near_the_share(seed):
    random = np.random.RandomState(seed)
    groups = [f"scene{number}" for number in random.randint(0, 30, 300)]
    classes = [("cat", "dog", "cow")[int(group[5:]) % 3] for group in groups]
    chosen = set(cut(classes, groups, seed=seed))
    assert not {groups[i] for i in chosen} & {groups[i] for i in range(300) if i not in chosen}
    for name in ("cat", "dog", "cow"):
        share = sum(classes[i] == name for i in chosen) / classes.count(name)
        assert 0.1 < share < 0.3


def test_a_group_may_be_of_several_classes():
    classes, groups = ["cat", "dog"] * 10, [f"scene{number // 4}" for number in range(20)]
    chosen = cut(classes, groups)
    assert len(chosen) == 4
    assert len({groups[i] for i in chosen}) == 1


def test_of_large_groups_the_smallest_is_taken():
    assert cut(["a"] * 10, ["x"] * 6 + ["y"] * 4) == [6, 7, 8, 9]


@pytest.mark.parametrize("classes", [["cat", "dog", "dog"], ["cat", "cat", "dog", "dog"]])
def test_a_class_that_cannot_be_split_is_named(classes):
    groups = ["x", "x", "y", "z"][: len(classes)]
    with pytest.raises(
        UserError, match=r"^dataset\.test_fraction: class 'cat' cannot be split, because its \d image"
    ):
        cut(classes, groups)
