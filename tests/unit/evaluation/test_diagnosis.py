"""The numbers of a diagnosis, against arithmetic by hand and other libraries."""

import math
from collections import Counter

import numpy as np
import pytest
import torch
from by_hand import LABELS, STUDENT, TEACHER, cross, kl, mean, softened
from sklearn import metrics
from tiers import sample

from kd.data.augmentation import Augmentation
from kd.data.views import ViewedImages
from kd.errors import UserError
from kd.evaluation import logits as pieces
from kd.evaluation.cka import similarities, stage_grams
from kd.evaluation.classification import class_accuracy, figures, judge, worst
from kd.evaluation.fidelity import fidelity
from kd.evaluation.logits import entropies, open_logits, predictions
from kd.evaluation.metrics import agreement, expected_calibration_error
from kd.evaluation.soft_targets import choose_images, soft_targets
from kd.evaluation.soft_targets import softened as softened_by
from kd.networks.ensemble import Ensemble

# Four samples of three classes, by their probabilities: two are predicted as they should be.
SHARES = np.array([[0.5, 0.25, 0.25], [0.2, 0.7, 0.1], [0.6, 0.3, 0.1], [0.1, 0.8, 0.1]])
TRUE = np.array([0, 1, 1, 0])


@pytest.fixture(params=[2**22, 6], ids=["at once", "two rows at a time"])
def read(request, monkeypatch):
    monkeypatch.setattr(pieces, "NUMBERS", request.param)


def random_logits(samples=400, classes=5, seed=0):
    random = np.random.default_rng(seed)
    labels = random.integers(0, classes, samples)
    return (random.normal(size=(samples, classes)) + 2 * np.eye(classes)[labels]).astype(np.float32), labels


@pytest.mark.usefixtures("read")
def test_four_samples_by_hand():
    metrics = figures(judge(np.log(SHARES), TRUE))
    assert (metrics["correct"], metrics["wrong"]) == (2, 2)
    assert metrics["loss_correct"] == pytest.approx(-(math.log(0.5) + math.log(0.7)) / 2)
    assert metrics["loss_wrong"] == pytest.approx(-(math.log(0.3) + math.log(0.1)) / 2)
    assert metrics["nll"] == pytest.approx(-math.log(0.5 * 0.7 * 0.3 * 0.1) / 4)
    # (0.25 + 0.0625 + 0.0625) + (0.04 + 0.09 + 0.01) + (0.36 + 0.49 + 0.01) + (0.81 + 0.64 + 0.01)
    assert metrics["brier"] == pytest.approx((0.375 + 0.14 + 0.86 + 1.46) / 4)
    assert metrics["confusion"] == [[1, 1, 0], [1, 1, 0], [0, 0, 0]]
    assert metrics["confused"] == [[0, 1, 1], [1, 0, 1]]
    assert metrics["class_accuracy"] == [50, 50, None]
    # 0.5, 0.7, 0.6 and 0.8 each have a bin of their own: gaps of 0.5, 0.3, 0.6 and 0.8.
    assert metrics["ece"] == pytest.approx(100 * (0.5 + 0.3 + 0.6 + 0.8) / 4)


@pytest.mark.usefixtures("read")
def test_numbers_beside_torchmetrics():
    from torchmetrics.functional import classification  # seconds, which no other test waits for

    logits, labels = random_logits()
    metrics = figures(judge(logits, labels))
    both = torch.from_numpy(logits), torch.from_numpy(labels)
    ece = classification.multiclass_calibration_error(*both, num_classes=5, n_bins=15).item()
    assert metrics["ece"] == pytest.approx(100 * ece, rel=1e-5)
    assert metrics["ece"] == pytest.approx(expected_calibration_error(*both))
    assert metrics["confusion"] == classification.multiclass_confusion_matrix(*both, num_classes=5).tolist()
    accuracies = classification.multiclass_accuracy(*both, num_classes=5, average=None)
    assert metrics["class_accuracy"] == pytest.approx((100 * accuracies).tolist(), rel=1e-6)


@pytest.mark.usefixtures("read")
@pytest.mark.parametrize(("classes", "present"), sample([(7, 7), (12, 9), (5, 5)], [(12, 9)]))
def test_numbers_beside_scikit_learn(classes, present):
    """Of some classes there may be no image. Top-5 accuracy of five classes says nothing."""
    logits, _ = random_logits(classes=classes)
    labels = np.random.default_rng(1).integers(0, present, len(logits))
    logits = logits + 2 * np.eye(classes)[labels].astype(np.float32)
    made = figures(judge(logits, labels))
    recalls, scores = [], []
    for label in range(present):
        taken, true = logits.argmax(1) == label, labels == label
        recalls.append((taken & true).sum() / true.sum())
        scores.append(2 * (taken & true).sum() / (taken.sum() + true.sum()))
    assert made["balanced_accuracy"] == pytest.approx(100 * mean(recalls))
    assert made["macro_f1"] == pytest.approx(100 * mean(scores))
    if present == classes:
        theirs = metrics.balanced_accuracy_score(labels, logits.argmax(1))
        assert made["balanced_accuracy"] == pytest.approx(100 * theirs)
        assert made["macro_f1"] == pytest.approx(
            100 * metrics.f1_score(labels, logits.argmax(1), average="macro")
        )
    top = metrics.top_k_accuracy_score(labels, logits, k=5, labels=range(classes)) if classes > 5 else None
    assert made["top5_accuracy"] == (pytest.approx(100 * top) if top else None)


def test_of_equal_logits_the_first_class_stands_before():
    """A network that says the same of all classes has half of them among its five, not all."""
    made = figures(judge(np.zeros((10, 10)), np.arange(10)))
    assert (made["top5_accuracy"], made["correct"]) == (50, 1)


def test_each_bin_has_its_images():
    """Eight of 0.55 sure, of which six are right, and two of exactly 2/3, which ends the tenth bin."""
    shares = np.array([[0.55, 0.45]] * 8 + [[2 / 3, 1 / 3]] * 2)
    labels = np.array([0, 0, 0, 0, 0, 0, 1, 1, 0, 0])
    bins = figures(judge(np.log(shares), labels))["reliability"]
    assert [interval["count"] for interval in bins] == [0] * 8 + [8, 2] + [0] * 5
    assert (bins[8]["accuracy"], bins[9]["accuracy"], bins[0]["accuracy"]) == (0.75, 1, None)
    assert bins[8]["confidence"] == pytest.approx(0.55)
    assert (bins[8]["low"], bins[8]["high"]) == (pytest.approx(8 / 15), pytest.approx(9 / 15))


def test_without_mistakes_there_is_no_loss_of_the_wrong():
    metrics = figures(judge(np.log(SHARES), np.array([0, 1, 0, 1])))
    assert (metrics["loss_wrong"], metrics["wrong"], metrics["confused"]) == (None, 0, [])
    metrics = figures(judge(np.log(SHARES), np.array([2, 2, 2, 2])))
    assert (metrics["loss_correct"], metrics["correct"]) == (None, 0)
    assert metrics["class_accuracy"] == [None, None, 0]
    assert metrics["confused"] == [[2, 0, 2], [2, 1, 2]]


def test_of_many_classes_only_the_mistakes_are_kept():
    logits, labels = random_logits(classes=101)
    metrics = figures(judge(logits, labels))
    assert metrics["confusion"] is None
    pairs = Counter(zip(labels.tolist(), logits.argmax(1).tolist(), strict=True))
    wrong = {pair: count for pair, count in pairs.items() if pair[0] != pair[1]}
    assert [count for _, _, count in metrics["confused"]] == sorted(wrong.values(), reverse=True)[:10]
    assert all(wrong[true, taken] == count for true, taken, count in metrics["confused"])


def test_the_largest_losses_come_first():
    images = worst(judge(np.log(SHARES), TRUE), 3)
    assert [image["index"] for image in images] == [3, 2, 0]
    expected = {"index": 3, "true": 0, "predicted": 1, "loss": -math.log(0.1), "confidence": 0.8}
    assert images[0] == pytest.approx(expected)
    assert worst(judge(np.log(SHARES), TRUE), 0) == []
    assert len(worst(judge(np.log(SHARES), TRUE), 9)) == 4


@pytest.mark.usefixtures("read")
def test_fidelity_by_hand():
    pairs = list(zip(STUDENT, TEACHER, strict=True))
    scores = fidelity(STUDENT, TEACHER)
    assert scores["kl"] == pytest.approx(mean(kl(softened(t), softened(s)) for s, t in pairs))
    assert scores["kl"] != pytest.approx(mean(kl(softened(s), softened(t)) for s, t in pairs), rel=0.01)
    assert scores["agreement"] == 100 * mean(int(np.argmax(s) == np.argmax(t)) for s, t in pairs)
    assert scores["agreement"] == agreement(torch.from_numpy(STUDENT), torch.from_numpy(TEACHER))
    assert fidelity(TEACHER, TEACHER) == {"agreement": 100, "kl": pytest.approx(0, abs=1e-12)}


@pytest.mark.usefixtures("read")
def test_entropy_and_predictions_by_hand():
    assert entropies(TEACHER) == pytest.approx([cross(softened(t), softened(t)) for t in TEACHER])
    assert predictions(TEACHER).tolist() == [int(np.argmax(t)) for t in TEACHER]


def test_soft_targets_by_hand():
    (image,) = soft_targets({3: "worst"}, LABELS, STUDENT, TEACHER, [1.0, 4.0])
    assert (image["index"], image["true"], image["why"]) == (3, 3, "worst")
    for at in image["temperatures"]:
        assert at["teacher"] == pytest.approx(softened(TEACHER[3], at["temperature"]), abs=1e-6)
        assert at["student"] == pytest.approx(softened(STUDENT[3], at["temperature"]), abs=1e-6)
    (alone,) = soft_targets({0: "worst"}, LABELS, STUDENT, None, [1.0])
    assert alone["temperatures"][0]["teacher"] is None
    assert softened_by(np.array([1e30, 0.0]), 1.0) == [1, 0]  # and no NaN


def test_images_are_chosen_by_the_teachers_doubt_and_the_students_losses():
    entropy, losses = np.array([0, 5, 1, 4, 3, 2.0]), np.array([6, 9, 1, 8, 0, 5.0])
    expected = {1: "ambiguous", 3: "ambiguous", 4: "ambiguous", 0: "worst", 5: "worst", 2: "worst"}
    chosen = choose_images(entropy, losses)
    assert chosen == expected
    assert list(chosen) == list(expected)
    assert choose_images(entropy[:2], losses[:2]) == {1: "ambiguous", 0: "ambiguous"}


def hsic_cka(x, y):
    """Kornblith et al. 2019, equations 3 and 4, with the centring matrix written out."""
    n = len(x)
    centre = np.eye(n) - np.ones((n, n)) / n
    first, second = x @ x.T, y @ y.T

    def hsic(k, m):
        return np.trace(k @ centre @ m @ centre) / (n - 1) ** 2

    return hsic(first, second) / math.sqrt(hsic(first, first) * hsic(second, second))


class Says(torch.nn.Module):
    """One stage, which says this of every image."""

    def __init__(self, features):
        super().__init__()
        self.features = torch.from_numpy(features)[:, :, None, None]

    def forward_stages(self, images):
        return [self.features], None


def cka(first, second):
    """Of networks that say this of the same images."""
    images = ViewedImages(
        torch.zeros(len(first), 2, 2, 1, dtype=torch.uint8), Augmentation(0, False), (0.5,), (0.25,)
    )
    ((value,),) = similarities(*(stage_grams(Says(logits), images) for logits in (first, second)))["values"]
    return value


def test_cka_is_that_of_the_paper():
    random = np.random.default_rng(0)
    x, y = random.normal(size=(12, 5)) + 3, random.normal(size=(12, 9))
    y[:, :3] += x[:, :3]
    value = cka(x, y)
    assert value == pytest.approx(hsic_cka(x, y), abs=1e-5)
    assert 0.1 < value < 0.9


def test_cka_sees_neither_rotation_nor_scale_nor_place():
    random = np.random.default_rng(1)
    x = random.normal(size=(20, 6))
    rotation, _ = np.linalg.qr(random.normal(size=(6, 6)))
    for same in (x, x @ rotation, 7 * x, x + 5):
        assert cka(x, same) == pytest.approx(1, abs=1e-5)
    assert cka(x, x * np.array([1, 1, 1, 1, 1, 30])) < 0.9


class Stages(torch.nn.Module):
    """Two stages: the image as it is, and its mean over places."""

    def forward_stages(self, images):
        return [images, images.mean(dim=(2, 3), keepdim=True)], None


def test_stages_are_compared_pairwise():
    random = np.random.default_rng(2)
    pixels = random.integers(0, 256, (30, 4, 6, 3), dtype=np.uint8)
    images = ViewedImages(torch.from_numpy(pixels), Augmentation(0, False), (0.5,) * 3, (0.25,) * 3)
    grams = stage_grams(Stages(), images)
    similarity = similarities(grams, grams)
    assert (similarity["teacher_stages"], similarity["student_stages"]) == (2, 2)
    shown = (pixels.astype(float) / 255 - 0.5) / 0.25
    means = shown.mean(axis=(1, 2))
    across = hsic_cka(shown.reshape(30, -1), means)
    assert np.array(similarity["values"]) == pytest.approx(np.array([[1, across], [across, 1]]), abs=1e-4)
    assert similarities(stage_grams(Ensemble([Stages()], [1.0]), images), grams) is None


def test_a_stage_that_says_nothing_is_like_no_other():
    images = ViewedImages(torch.zeros(5, 2, 2, 1, dtype=torch.uint8), Augmentation(0, False), (0.5,), (0.25,))
    grams = stage_grams(Stages(), images)
    assert similarities(grams, grams)["values"] == [[None, None], [None, None]]


def test_large_maps_are_averaged_before_they_are_kept():
    from kd.evaluation.cka import _features

    maps = torch.arange(2 * 16 * 8, dtype=torch.float32).reshape(1, 2, 16, 8)
    features = _features(maps)
    assert features.shape == (1, 2 * 8 * 8)
    assert features[0, 0] == (0 + 8) / 2  # the first two rows of the first column
    assert _features(maps[:, :, :8]).tolist() == maps[:, :, :8].reshape(1, -1).tolist()


def test_logits_that_are_not_whole_are_named(tmp_path):
    path = tmp_path / "test_logits.npy"
    np.save(path, np.zeros((4, 3), np.float32))
    assert open_logits(path, 4, 3).shape == (4, 3)
    with pytest.raises(
        UserError, match=r"test_logits.npy: holds \(4, 3\) float32, not \(5, 3\) float; delete it"
    ):
        open_logits(path, 5, 3)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(UserError, match=r"test_logits.npy: not whole .*; delete it to have it made again"):
        open_logits(path, 4, 3)
    with pytest.raises(UserError, match=r"none\.npy: cannot be read: No such file or directory"):
        open_logits(tmp_path / "none.npy", 4, 3)
    np.save(path, np.zeros((0, 3), np.float32))
    assert open_logits(path, 4, 3) is None


def test_accuracy_of_a_class_that_nothing_is_taken_for():
    assert class_accuracy(np.array([0, 0]), np.array([0, 1]), 3) == [100, 0, None]
