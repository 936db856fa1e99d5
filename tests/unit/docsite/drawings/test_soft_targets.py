"""The picture of soft targets, of numbers by hand; and the committed one, of the default study."""

import re
from math import exp

import numpy as np
import pytest
from docsite.drawings import soft_targets

LOGITS = np.array([4.0, 0.0, 2.0])


def test_probabilities_are_softer_at_a_higher_temperature():
    whole = exp(1) + 1 + exp(0.5)
    assert soft_targets.softmax(LOGITS, 4) == pytest.approx([exp(1) / whole, 1 / whole, exp(0.5) / whole])


def test_it_shows_the_image_and_the_probabilities_of_both():
    image = np.array([[0, 255], [128, 1]], np.uint8)
    drawn = soft_targets.draw(image, 0, LOGITS, LOGITS[::-1])
    assert re.findall(r'fill="#(\w+)" stroke=', drawn) == ["000000", "ffffff", "808080", "010101"]
    shares = re.findall(r">([\d.]+) %<", drawn)
    at_one, at_four = (soft_targets.softmax(LOGITS, T) for T in (1, 4))
    expected = [*at_one, *at_four, *soft_targets.softmax(LOGITS[::-1], 4)]
    assert shares == [f"{100 * share:.1f}" for share in expected]
    assert "its label: 0" in drawn


def test_an_image_is_chosen_that_both_classify_correctly():
    """The second is nearest to a confidence of 0.98, and wrong; of the others the third is nearer."""
    odds = np.log([50.0, 49.0, 40.0, 3.0])
    teacher = np.stack([odds, np.zeros(4)], axis=1)
    student = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 0.0]])
    labels = np.array([1, 0, 0, 0])
    assert soft_targets.choose(teacher, student, labels) == 2


def test_the_committed_picture_has_probabilities_that_sum_to_one():
    shares = [
        float(share) for share in re.findall(r">(?:&lt; )?([\d.]+) %<", soft_targets.TARGET.read_text())
    ]
    assert len(shares) == 30
    for start in (0, 10, 20):
        assert sum(shares[start : start + 10]) == pytest.approx(100, abs=0.8)


def test_a_study_that_has_not_run_is_named(tmp_path):
    with pytest.raises(SystemExit, match=r"has no test_logits\.npy; run the default study first"):
        soft_targets.main(tmp_path)
