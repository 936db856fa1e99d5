"""The sentences on top of a diagnosis."""

import pytest

from kd.report.diagnosis.matrices import confusion_views
from kd.report.diagnosis.verdict import verdict


def run(correct=80, gain=1.0, class_gain=(1.0, 1.0, 1.0), **changes):
    """A run of 100 images of three classes; accuracy and confidence are in one bin."""
    bins = [{"count": 100, "confidence": 0.9, "accuracy": correct / 100}]
    return {
        "correct": correct,
        "wrong": 100 - correct,
        "gain": gain,
        "class_gain": list(class_gain) if class_gain else None,
        "confusion": [[30, 8, 2], [0, 30, 0], [9, 0, 21]],
        "confusion_change": [[-4, 1, 3], [0, 0, 0], [0, 0, 0]],
        "confused": [[2, 0, 9], [0, 1, 8], [0, 2, 2]],
        "reliability": bins,
        "ece": 10.0,
    } | changes


def said(*runs, classes=("0", "cat", "2")):
    return verdict({"classes": list(classes), "class_images": [40, 30, 30], "runs": list(runs)})


def test_a_class_that_loses_is_named_with_what_it_is_now_predicted_as():
    """Gains of -5 and -5.2 have the half-width 12.706 · 0.1 = 1.27, those of the cat 12.706 · 2 = 25.4."""
    sentences = said(run(class_gain=(-5.0, 3.0, 2.0)), run(82, 2.0, (-5.2, -1.0, 2.1)))
    assert sentences == [
        "81.00 % test accuracy, 1.50 points more than the baseline (95 % CI [−4.85, 7.85], 2 seeds).",
        "Loses 5.1 points on class 0 (often predicted as 2).",
        "Gains 2.0 points on class 2.",
        "Over-confident by 9.0 points: mean confidence 90.0 %, accuracy 81.0 % (ECE 10.0 %).",
        "Most frequent mistake: class 2 predicted as 0 (30.0 % of its images).",
    ]


def test_one_seed_may_be_chance():
    sentences = said(run(class_gain=(-5.0, 3.0, None), gain=-0.5))
    assert (
        sentences[0] == "80.00 % test accuracy, 0.50 points less than the baseline (one seed, may be chance)."
    )
    assert sentences[1] == "Loses 5.0 points on class 0 (often predicted as 2) (one seed, may be chance)."
    assert sentences[2] == "Gains 3.0 points on cat (one seed, may be chance)."


def test_without_a_baseline_there_is_no_gain_and_without_mistakes_none_is_named():
    perfect = {"confused": [], "confusion": [[40, 0, 0], [0, 30, 0], [0, 0, 30]], "confusion_change": None}
    bins = [{"count": 100, "confidence": 0.995, "accuracy": 1.0}]
    sentences = said(run(100, None, None, **perfect, reliability=bins, ece=0.5))
    assert sentences == [
        "100.00 % test accuracy.",
        "Well calibrated on average: mean confidence 99.5 %, accuracy 100.0 % (ECE 0.5 %).",
        "No test image is predicted wrongly.",
    ]


def test_where_no_class_loses_that_is_said():
    assert "No class loses significantly (no 95 % interval below 0)." in said(run(), run())
    assert said(run(gain=0.0), run(gain=0.0))[0].startswith("80.00 % test accuracy, as much as the baseline")


@pytest.mark.parametrize(("seeds", "images"), [(1, "30"), (2, "30.5")])
def test_the_confusion_matrix_is_shown_in_three_ways(seeds, images):
    second = run(confusion=[[31, 7, 2], [0, 30, 0], [9, 0, 21]])
    views = confusion_views([run(), second][:seeds], ("a", "b", "c"))
    assert list(views) == ["% of the true class", "images", "difference to the baseline"]
    assert f">{images}</td>" in views["images"]
    assert ">30</td>" in views["% of the true class"]  # 9 of 30
    assert ">\N{MINUS SIGN}10.0</td>" in views["difference to the baseline"]  # -4 of 40
    # More on the diagonal is good and more beside it is not.
    assert views["difference to the baseline"].count("--miss") == 3
    assert list(confusion_views([run(confusion_change=None)], ("a", "b", "c"))) == list(views)[:2]
    assert confusion_views([run(confusion=None)], ("a", "b", "c")) == {}
