"""Temperature scaling and rejection, against a fine grid in float64, scikit-learn and arithmetic by hand."""

import math

import numpy as np
import pytest
from scipy.special import log_softmax, softmax
from sklearn.calibration import CalibratedClassifierCV
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression

from kd.evaluation import logits as pieces
from kd.evaluation.calibration import accepted, calibrate, fit_temperature, threshold_for
from kd.evaluation.classification import judge


def random_logits(samples=400, classes=5, scale=4.0, seed=0):
    """Of a network that is too sure: its logits are `scale` times those that the labels are drawn by."""
    random = np.random.default_rng(seed)
    honest = random.normal(size=(samples, classes))
    labels = np.array([random.choice(classes, p=row) for row in softmax(honest, axis=1)])
    return (scale * honest).astype(np.float32), labels


def nll(logits, labels, temperature=1.0):
    logarithms = log_softmax(logits.astype(np.float64) / temperature, axis=1)
    return -logarithms[range(len(labels)), labels].mean()


@pytest.mark.parametrize("numbers", [2**22, 15], ids=["at once", "three rows at a time"])
@pytest.mark.parametrize("scale", [0.05, 1.0, 4.0, 300.0])
def test_the_temperature_is_where_the_nll_is_lowest(scale, numbers, monkeypatch):
    monkeypatch.setattr(pieces, "NUMBERS", numbers)
    logits, labels = random_logits(scale=scale)
    temperature = fit_temperature(logits, labels)
    assert temperature == pytest.approx(scale, rel=0.3)  # of the labels that were drawn
    grid = temperature * np.exp(np.linspace(-0.2, 0.2, 401))
    losses = [nll(logits, labels, other) for other in grid]
    assert np.argmin(losses) == 200
    step = 1e-4 * temperature
    slope = (nll(logits, labels, temperature + step) - nll(logits, labels, temperature - step)) / (2 * step)
    assert slope * temperature == pytest.approx(0, abs=1e-6)


def test_the_temperature_is_that_of_scikit_learn():
    """Its own fit is to the third digit."""
    random = np.random.default_rng(1)
    labels = random.integers(0, 3, 300)
    points = random.normal(size=(300, 2)) + labels[:, None]
    fitted = LogisticRegression(C=1e3).fit(points[:60], labels[:60])
    theirs = CalibratedClassifierCV(FrozenEstimator(fitted), method="temperature").fit(points, labels)
    inverse = theirs.calibrated_classifiers_[0].calibrators[0].beta_
    logits = fitted.decision_function(points)
    assert fit_temperature(logits, labels) == pytest.approx(1 / inverse, rel=1e-3)


def test_there_is_no_temperature_where_none_is_best():
    labels = np.array([0, 1, 2])
    assert fit_temperature(3 * np.eye(3), labels) is None  # all right: the smaller, the better
    assert fit_temperature(300 * np.eye(3), labels) is None
    assert fit_temperature(np.zeros((3, 3)), labels) is None
    assert fit_temperature(-np.eye(3), labels) is None  # worse than chance: the larger, the better


CONFIDENCE = np.array([0.9, 0.6, 0.8, 0.8, 0.5, 0.99])
RIGHT = np.array([True, False, True, False, True, True])


@pytest.mark.parametrize(
    ("target", "threshold"),
    [
        (1.0, 0.9),  # 0.99 and 0.9 are right; of the two of 0.8 one is wrong
        (0.75, 0.8),  # 3 of 4
        (0.7, 0.8),
        (0.66, 0.0),  # 4 of all 6: nothing is left out, though 3 of 5 would be too few
        (0.6, 0.0),
    ],
)
def test_the_threshold_accepts_as_many_as_it_may(target, threshold):
    assert threshold_for(CONFIDENCE, RIGHT, target) == threshold


def test_no_threshold_is_enough_where_the_surest_are_wrong():
    assert threshold_for(np.array([0.9, 0.8]), np.array([False, True]), 0.6) is None
    assert threshold_for(np.array([0.9, 0.9]), np.array([False, True]), 0.6) is None
    assert threshold_for(np.array([0.9, 0.8]), np.array([False, True]), 0.5) == 0.0


def test_coverage_and_accuracy_above_a_threshold():
    judged = judge(np.log([[0.5, 0.5], [0.9, 0.1], [0.2, 0.8], [0.7, 0.3]]), np.array([0, 0, 0, 0]))
    assert accepted(judged, 0.75) == {"coverage": 50, "accuracy": 50}
    assert accepted(judged, 0.0) == {"coverage": 100, "accuracy": 75}
    assert accepted(judged, 0.95) == {"coverage": 0, "accuracy": None}
    assert accepted(judged, None) == {"coverage": None, "accuracy": None}


def test_what_is_fitted_on_validation_is_measured_on_the_test_split():
    (validation, known), (test, labels) = random_logits(), random_logits(samples=600, seed=1)
    made = calibrate(validation, known, test, labels, 0.8)
    temperature = fit_temperature(validation, known)
    assert (made["images"], made["temperature"], made["target"]) == (400, temperature, 80)
    assert made["nll"] == pytest.approx(nll(test, labels, temperature))
    assert made["nll"] < nll(test, labels) - 0.5
    shares = softmax(test.astype(np.float64) / temperature, axis=1)
    confidence, right = shares.max(1), shares.argmax(1) == labels
    gaps = 0.0
    for low in np.arange(15) / 15:
        inside = (confidence > low) & (confidence <= low + 1 / 15)
        gaps += abs(right[inside].sum() - confidence[inside].sum())
    assert made["ece"] == pytest.approx(100 * gaps / 600)
    assert sum(part["count"] for part in made["reliability"]) == 600
    above = confidence >= made["threshold"]
    assert made["test"] == pytest.approx(
        {"coverage": 100 * above.mean(), "accuracy": 100 * right[above].mean()}
    )
    assert made["validation"]["accuracy"] >= 80
    assert 0 < made["validation"]["coverage"] < 100


def test_where_all_validation_images_are_right_nothing_is_scaled_and_nothing_rejected():
    test, labels = random_logits(samples=50)
    made = calibrate(3.0 * np.eye(5), np.arange(5), test, labels, 0.99)
    assert made["temperature"] is made["nll"] is made["ece"] is made["reliability"] is None
    assert made["threshold"] == 0
    assert made["validation"] == {"coverage": 100, "accuracy": 100}
    assert made["test"]["accuracy"] == pytest.approx(100 * (test.argmax(1) == labels).mean())
    assert math.isclose(made["test"]["coverage"], 100)
