"""Whether an imported teacher's predictions are those of another order of classes, or of chance."""

import numpy as np
import pytest

from kd.errors import UserError
from kd.evaluation.class_order import check_predictions

CLASSES = ["bird", "cat", "dog", "frog"]


def predictions(means, right=0.9, samples=400, seed=0):
    """Logits of a teacher whose output k means class means[k], right in this share, and the labels."""
    random = np.random.default_rng(seed)
    labels = np.arange(samples) % len(means)
    predicted = np.where(random.random(samples) < right, labels, random.integers(0, len(means), samples))
    outputs = np.argsort(means)[predicted]
    return np.eye(len(means), dtype=np.float32)[outputs], labels


def complaint(logits, labels, classes=CLASSES, names=None):
    with pytest.raises(UserError) as caught:
        check_predictions("mine.pth", logits, labels, classes, names)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_teacher_that_is_right_passes():
    check_predictions("mine.pth", *predictions([0, 1, 2, 3]), CLASSES)
    check_predictions("mine.pth", *predictions([0, 1, 2, 3], right=0.3), CLASSES)


def test_another_order_is_shown_with_what_brings_it_back():
    logits, labels = predictions([2, 0, 3, 1], right=1.0)
    text = complaint(logits, labels)
    assert (
        "another order of classes: 0.0% of the images right, but 100.0% if they are [dog, bird, frog, cat]"
        in text
    )
    assert "the order of the data set is [bird, cat, dog, frog]" in text
    order = [int(number) for number in text.rpartition("order = [")[2].rstrip("]").split(", ")]
    assert (logits[:, order].argmax(1) == labels).all()


def test_two_classes_that_are_exchanged_are_seen_above_chance():
    text = complaint(*predictions([0, 1, 3, 2]))
    assert "% if they are [bird, cat, frog, dog]" in text
    assert float(text.partition("classes: ")[2].partition("%")[0]) > 40


def test_at_chance_both_orders_are_named():
    text = complaint(*predictions([0, 1, 2, 3], right=0))
    assert text.startswith("mine.pth: at chance on this data: ")
    assert "that of the data set is [bird, cat, dog, frog], which is by name, as ImageFolder has it" in text
    text = complaint(*predictions([0, 1, 2, 3], right=0), names=["cat", "bird", "dog", "frog"])
    assert "and that of the file [cat, bird, dog, frog]" in text


def test_a_usual_other_order_is_named():
    classes = ["class 1", "class 2", "class 10"]
    text = complaint(*predictions([0, 1, 2], right=0), classes)
    assert "a usual other one, of ImageFolder, by name, is [class 1, class 10, class 2]" in text
    text = complaint(*predictions([0, 1, 2], right=0), sorted(classes))
    assert "a usual other one, by number, is [class 1, class 2, class 10]" in text


def test_always_the_most_frequent_class_is_chance():
    labels = np.array([0] * 90 + [1] * 10)
    text = complaint(np.tile([1.0, 0.0], (100, 1)), labels, ["a", "b"])
    assert "at chance on this data: 90.0% of the images right" in text


def test_many_classes_are_counted():
    classes = [f"c{number:03}" for number in range(200)]
    logits, labels = predictions(np.roll(np.arange(200), 1), samples=2000)
    text = complaint(logits, labels, classes)
    assert "c008, and 190 more]" in text
    assert text.endswith("99, 100, and 100 more]")
