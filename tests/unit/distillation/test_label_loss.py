"""The cross-entropy with the labels beside scikit-learn's class weights and formulas written out."""

import numpy as np
import pytest
import torch
from sklearn.utils.class_weight import compute_class_weight
from torch.nn import functional

from kd.distillation.label_loss import LabelLoss, balanced_weights

LABELS = torch.tensor([0] * 6 + [1] * 3 + [2])
LOGITS = torch.randn(4, 3, generator=torch.Generator().manual_seed(0)).double()
BATCH = torch.tensor([0, 0, 1, 2])


def test_weights_are_those_of_scikit_learn():
    expected = compute_class_weight("balanced", classes=np.arange(3), y=LABELS.numpy())
    assert balanced_weights(LABELS, 3).tolist() == pytest.approx(expected)
    assert balanced_weights(LABELS, 3).tolist() == pytest.approx([10 / 18, 10 / 9, 10 / 3])


def test_a_class_without_a_training_image_weighs_nothing():
    assert balanced_weights(torch.tensor([0, 0, 2]), 4).tolist() == pytest.approx([3 / 8, 0, 3 / 4, 0])


def test_the_mean_is_one_by_these_weights():
    """Twice as many images of a class that is half as common count the same."""
    weights, losses = [10 / 18, 10 / 18, 10 / 9, 10 / 3], -LOGITS.log_softmax(1)[range(4), BATCH]
    expected = sum(w * loss for w, loss in zip(weights, losses.tolist(), strict=True)) / sum(weights)
    loss = LabelLoss(LABELS, balanced=True)
    assert loss(LOGITS.float(), BATCH).item() == pytest.approx(expected, rel=1e-6)
    assert loss(LOGITS.float(), BATCH).item() == pytest.approx(expected, rel=1e-6)


def test_smoothing():
    log_p = LOGITS.log_softmax(1)
    expected = -(0.8 * log_p[range(4), BATCH] + 0.2 * log_p.mean(1)).mean()
    assert LabelLoss(LABELS, smoothing=0.2)(LOGITS, BATCH).item() == pytest.approx(expected.item())


def test_both_are_as_in_torch():
    weights = torch.tensor([10 / 18, 10 / 9, 10 / 3])
    expected = functional.cross_entropy(LOGITS.float(), BATCH, weight=weights, label_smoothing=0.2)
    loss = LabelLoss(LABELS, smoothing=0.2, balanced=True)(LOGITS.float(), BATCH)
    assert loss.item() == pytest.approx(expected.item(), rel=1e-6)


def test_options_of_a_method_go_first():
    loss = LabelLoss(LABELS, smoothing=0.2)(LOGITS, BATCH, label_smoothing=0.5)
    assert loss.item() == functional.cross_entropy(LOGITS, BATCH, label_smoothing=0.5).item()


def test_labels_may_be_probabilities():
    mixed = torch.tensor([[0.5, 0.5, 0.0]] * 4).double()
    expected = -(mixed * LOGITS.log_softmax(1)).sum(1).mean()
    assert LabelLoss(LABELS)(LOGITS, mixed).item() == pytest.approx(expected.item())


def test_a_mixed_image_weighs_as_its_two_classes_do():
    """λ · w · CE of one and (1 − λ) · w' · CE of the other, over the sum of these weights."""
    weights, share = balanced_weights(LABELS, 3), torch.tensor([1.0, 0.75, 0.5, 0.5])
    others, rows = torch.tensor([1, 2, 2, 0]), range(4)
    mixed = torch.zeros(4, 3)
    mixed[rows, BATCH] += share
    mixed[rows, others] += 1 - share
    losses = -LOGITS.float().log_softmax(1)
    parts = (share * weights[BATCH], BATCH), ((1 - share) * weights[others], others)
    expected = sum((part * losses[rows, labels]).sum() for part, labels in parts)
    expected = expected / sum(part.sum() for part, _ in parts)
    loss = LabelLoss(LABELS, balanced=True)(LOGITS.float(), mixed)
    assert loss.item() == pytest.approx(expected.item(), rel=1e-6)
