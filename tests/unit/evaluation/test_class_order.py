"""Whether an imported teacher's predictions are those of another order of classes, or of chance."""

import numpy as np
import pytest

from kd.errors import UserError
from kd.evaluation.class_order import OF_LOGITS, OF_WEIGHTS, check_predictions

CLASSES = ["bird", "cat", "dog", "frog"]


def predictions(means, right=0.9, samples=400, seed=0):
    """Logits of a teacher whose output k means class means[k], right in this share, and the labels."""
    random = np.random.default_rng(seed)
    labels = np.arange(samples) % len(means)
    predicted = np.where(random.random(samples) < right, labels, random.integers(0, len(means), samples))
    outputs = np.argsort(means)[predicted]
    return np.eye(len(means), dtype=np.float32)[outputs], labels


def complaint(logits, labels, classes=CLASSES, names=None, advice=OF_WEIGHTS):
    with pytest.raises(UserError) as caught:
        check_predictions("mine.pth", logits, labels, classes, names, advice)
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


def swapped(right, samples):
    """Predictions of four classes that are right in the order [2, 0, 3, 1] in this share, and else bird."""
    labels = np.arange(samples) % 4
    outputs = np.argsort([2, 0, 3, 1])[labels]
    wrong = np.arange(samples) // 4 % 10 >= round(10 * right)
    outputs[wrong] = 1  # which means bird
    return np.eye(4, dtype=np.float32)[outputs], labels


def test_at_chance_the_order_that_predictions_suggest_is_named():
    """Of 400 images 160 are predicted in another order and 240 as bird, 60 of which are birds.

    55 % are right in that order: too few for an order that explains the predictions, which leaves at most half
    of the errors. All of a class are 100. In the order of the data set nothing of the 160 is right: 60, 15 %.
    That much in some of the 24 orders is no chance: 25 % + √(ln(24/0.05)/800) = 33.8 %.
    """
    text = complaint(*swapped(0.4, 400))
    assert text == (
        "mine.pth: at chance on this data: 15.0% of the images right. The likely cause is another order of"
        " classes: that of the data set is [bird, cat, dog, frog], and its predictions suggest"
        " [dog, bird, frog, cat], in which 55.0% are right. Else it was trained on other images, or with another"
        " mean and std, which are keys of this teacher"
    )
    # Before names in the file, which say nothing where they are those of the data set.
    assert "its predictions suggest [dog, bird, frog, cat]" in complaint(*swapped(0.4, 400), names=CLASSES)


def test_an_order_that_few_images_fit_is_not_suggested():
    """40 images: 25 % + √(ln(24/0.05)/80) = 52.8 %, and 47.5 % are right: 12 and 7 of the 28 others."""
    logits, labels = swapped(0.3, 40)
    assert (np.array([2, 0, 3, 1])[logits.argmax(1)] == labels).sum() == 12 + 7
    text = complaint(logits, labels)
    assert "suggest" not in text
    assert "and its predictions fit no order better than chance" in text


def test_random_predictions_suggest_no_order():
    """In one of twenty at most by the bound, which is not tight: of 100 that know nothing in none."""
    told = []
    for seed in range(100):
        try:
            check_predictions("mine.pth", *predictions([0, 1, 2, 3], right=0, samples=60, seed=seed), CLASSES)
        except UserError as error:
            told.append(str(error))
    assert len(told) > 90  # the others are above chance by two deviations
    assert not [text for text in told if "suggest" in text or "outputs are in another order" in text]


def test_a_file_of_logits_has_other_advice():
    text = complaint(*predictions([2, 0, 3, 1], right=1.0), advice=OF_LOGITS)
    order = [int(number) for number in text.rpartition("order = [")[2].rstrip("]").split(", ")]
    logits, labels = predictions([2, 0, 3, 1], right=1.0)
    assert (logits[..., order].argmax(1) == labels).all()
    assert (
        "Put its columns into that order: train_logits[..., order] and test_logits[..., order] with order"
        in text
    )
    text = complaint(*predictions([0, 1, 2, 3], right=0), advice=OF_LOGITS)
    assert text.endswith("or its rows are of other images than train_ids and test_ids say")


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


def test_what_is_right_everywhere_is_not_chance():
    """Of four images that two classes share, even all are within two deviations: 50 % + 2 · 25 %."""
    labels = np.array([0, 1, 0, 1])
    check_predictions("mine.pth", np.eye(2)[labels], labels, ["a", "b"])
    assert "75.0% of the images right" in complaint(np.eye(2)[[0, 1, 0, 0]], labels, ["a", "b"])


def test_many_classes_are_counted():
    classes = [f"c{number:03}" for number in range(200)]
    logits, labels = predictions(np.roll(np.arange(200), 1), samples=2000)
    text = complaint(logits, labels, classes)
    assert "c008, and 190 more]" in text
    assert text.endswith("99, 100, and 100 more]")
