"""The arithmetic of what targets take, by formulas written out; real files: test_store.py."""

import numpy as np
import pytest

from kd.data.augmentation import Augmentation
from kd.data.rows import Rows
from kd.teachers.encoding import Encoding
from kd.teachers.size import entry_bytes, expected_entries, store_bytes

RESIZED = Augmentation(0, True, (0.25, 1.0))


@pytest.mark.parametrize(
    ("how", "epochs"),
    [
        (Augmentation(1, True), {0: 6, 1: 9}),
        (Augmentation(4, True), {3: 40}),
        (Augmentation(0, True, (0.25, 1.0), views=5), {0: 3, 1: 4}),
        (Augmentation(0, True, (0.25, 1.0), views=5), {0: 30}),
    ],
)
def test_entries_that_a_study_sees(how, epochs):
    """Against what runs really see of 3,000 images: within the chance of so many draws."""
    seen = [Rows(how, seed, 3000).needed(length) for seed, length in epochs.items()]
    exact = np.logical_or.reduce(seen).sum()
    assert expected_entries(3000, how, epochs) == pytest.approx(exact, rel=0.01)


def test_where_each_visit_has_its_own_view_all_count():
    assert expected_entries(90_000, RESIZED, {0: 100, 1: 50}) == 90_000 * 150
    assert expected_entries(90_000, RESIZED, {}) == 0


def test_tiny_imagenet_for_100_epochs_is_below_2_gb():
    """The 20 largest of 200 logits: 40 bytes, 20 of labels, 10 for the rest, and 1 to the next entry."""
    size = store_bytes(expected_entries(90_000, RESIZED, {0: 100}), 200, 20)
    assert size == pytest.approx(9_000_000 * (40 + 20 + 10 + 1), rel=0.01)
    assert size < 0.7e9
    assert store_bytes(9_000_000, 200, 50) < 1.5e9


def test_imagenet_for_300_visits_is_below_40_gb():
    """The 20 largest of 1,000 logits: 40 bytes, 40 of labels, 10 for the rest, and 1 to the next entry."""
    size = store_bytes(expected_entries(1_281_167, RESIZED, {0: 300}), 1000, 20)
    assert size == pytest.approx(1_281_167 * 300 * 91, rel=0.01)
    assert size < 36e9


def test_nothing_takes_nothing():
    assert store_bytes(0, 10) == 0


@pytest.mark.parametrize("classes", [10, 256, 257, 2**15, 2**15 + 1])
@pytest.mark.parametrize("top_k", [None, 1, 9])
def test_an_entry_is_what_is_stored_of_it(classes, top_k):
    assert entry_bytes(classes, top_k) == Encoding(classes, top_k).bytes
