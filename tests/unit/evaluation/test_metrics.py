"""What is measured, against arithmetic done by hand."""

import math
import weakref

import pytest
import torch
from torch import nn

from kd.data.augmentation import Augmentation
from kd.data.views import ViewedImages
from kd.evaluation import inference
from kd.evaluation.metrics import agreement, evaluate, expected_calibration_error
from kd.networks.size import count_macs, count_parameters


class Scripted(nn.Module):
    """Answers with the pixels of the image themselves: (B, C, 1, 1) -> (B, C). Remembers its mode and batches."""

    def __init__(self):
        super().__init__()
        self.norm = nn.BatchNorm2d(2)
        self.batches = []

    def forward(self, images):
        assert not self.training
        self.batches.append(len(images))
        return images.flatten(1)


def five_images():
    """Logits (0, ln 3), so p = (1/4, 3/4), for all five samples."""
    pixels = torch.zeros(5, 1, 1, 2, dtype=torch.uint8)
    pixels[..., 1] = 255
    return ViewedImages(pixels, Augmentation(0, False), (0.0, 0.0), (1.0, 1 / math.log(3)))


def test_every_sample_counts_the_same_also_in_a_short_last_batch(monkeypatch):
    """Four right in batches of 2, 2 and 1. Per batch: 100, 100 and 0 %, whose mean would be 66.7."""
    model, labels = Scripted().train(), torch.tensor([1, 1, 1, 1, 0])
    monkeypatch.setattr(inference, "CPU_BATCH", (2, 1000))  # pixels: two of these images
    score = evaluate(model, five_images(), labels)
    assert model.batches == [2, 2, 1]
    assert score.accuracy == 80
    assert score.loss == pytest.approx((4 * math.log(4 / 3) + math.log(4)) / 5, rel=1e-6)
    assert score.logits.shape == (5, 2)


@pytest.mark.parametrize("training", [True, False])
def test_evaluation_puts_the_mode_back(training):
    model = Scripted().train(training)
    evaluate(model, five_images(), torch.zeros(5, dtype=torch.int64))
    assert model.training is training
    assert model.norm.training is training


def logits(*confidences):
    """Two classes; class 0 has these probabilities."""
    p = torch.tensor(confidences, dtype=torch.float64)
    return torch.stack([p.log(), (1 - p).log()], dim=1)


def test_calibration_error_by_hand():
    """Bin (0.6, 0.667]: two samples at 0.65, one right; bin (0.867, 0.933]: two at 0.9, both right.

    2/4 · |0.5 − 0.65| + 2/4 · |1 − 0.9| = 0.125.
    """
    error = expected_calibration_error(logits(0.65, 0.65, 0.9, 0.9), torch.tensor([0, 1, 0, 0]))
    assert error == pytest.approx(12.5, abs=1e-9)


def test_calibration_error_does_not_cancel_between_bins_but_does_within_one():
    apart = expected_calibration_error(logits(0.65, 0.95), torch.tensor([0, 1]))  # gaps +0.35 and −0.95
    assert apart == pytest.approx(100 * (0.35 + 0.95) / 2, abs=1e-9)
    within = expected_calibration_error(logits(0.75, 0.75, 0.75, 0.75), torch.tensor([0, 0, 0, 1]))
    assert within == pytest.approx(0, abs=1e-9)


def test_full_confidence_has_a_bin():
    assert expected_calibration_error(torch.tensor([[100.0, 0.0]]), torch.tensor([1])) == pytest.approx(100)


def test_agreement_counts_equal_answers_not_correct_ones():
    student = torch.tensor([[1.0, 0], [0, 1], [0, 1], [1, 0]])
    teacher = torch.tensor([[9.0, 0], [0, 2], [5, 1], [3, 0]])
    assert agreement(student, teacher) == 75


def test_parameters_and_macs_by_hand():
    """Conv 3×3, 2 → 4 channels, on 8×8: 4·2·9 weights + 4; 64 places × 72. Linear 4 → 3: 15 and 12."""
    model = nn.Sequential(
        nn.Conv2d(2, 4, 3, padding=1), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3)
    )
    assert count_parameters(model) == 76 + 15
    assert count_macs(model, torch.zeros(1, 2, 8, 8)) == 64 * 72 + 12


def test_depthwise_convolutions_cost_what_they_do():
    model = nn.Conv2d(8, 8, 3, padding=1, groups=8, bias=False)
    assert count_macs(model, torch.zeros(1, 8, 4, 4)) == 16 * 8 * 9


def test_no_batch_of_logits_outlives_the_next(monkeypatch):
    """They would keep the network's memory in pieces: it grew with the number of images, to 9 GB."""
    made, most = [], []

    class Counted(Scripted):
        def forward(self, images):
            memory = super().forward(images).numpy().copy()  # of which a tensor and its slices keep hold
            made.append(weakref.ref(memory))
            most.append(sum(array() is not None for array in made))
            return torch.from_numpy(memory)

    monkeypatch.setattr(inference, "CPU_BATCH", (1, 1000))
    score = evaluate(Counted(), five_images(), torch.ones(5, dtype=torch.int64))
    assert (score.logits.shape, score.logits.dtype) == ((5, 2), torch.float32)
    assert (len(most), max(most)) == (5, 2)  # the one that is copied, and the next
