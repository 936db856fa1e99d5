"""Images that distillation corrected or broke."""

import numpy as np
import pytest

from kd.evaluation.changes import changes
from kd.evaluation.classification import confusion_change, judge

LABELS = np.array([0, 1, 2, 0, 1])
BASELINES = [np.array([1, 1, 2, 0, 0]), np.array([2, 1, 0, 0, 1]), np.array([1, 1, 2, 0, 1])]
STUDENTS = [np.array([0, 1, 2, 1, 1]), np.array([0, 0, 2, 2, 1]), np.array([0, 1, 2, 1, 0])]


def test_images_are_counted_over_the_seeds():
    """Image 4 is corrected in one seed and broken in another, so it is in neither list."""
    changed = changes(LABELS, STUDENTS, BASELINES)
    assert changed["corrected_count"] == [2, 2, 1]
    assert changed["broken_count"] == [1, 2, 2]
    assert changed["corrected"] == [
        {"index": 0, "true": 0, "wrong": 1, "seeds": 3},
        {"index": 2, "true": 2, "wrong": 0, "seeds": 1},
    ]
    assert changed["broken"] == [
        {"index": 3, "true": 0, "wrong": 1, "seeds": 3},
        {"index": 1, "true": 1, "wrong": 0, "seeds": 1},
    ]


@pytest.mark.parametrize("most", [0, 1])
def test_at_most_so_many_are_named(most):
    changed = changes(LABELS, STUDENTS, BASELINES, most)
    assert len(changed["corrected"]) == len(changed["broken"]) == most


def test_the_change_of_the_confusion_matrix_is_in_images():
    judged = judge(np.log(np.eye(3)[STUDENTS[0]] + 0.1), LABELS)
    before = np.zeros((3, 3), int)
    after = before.copy()
    np.add.at(before, (LABELS, BASELINES[0]), 1)
    np.add.at(after, (LABELS, STUDENTS[0]), 1)
    assert confusion_change(judged, BASELINES[0]) == (after - before).tolist()
