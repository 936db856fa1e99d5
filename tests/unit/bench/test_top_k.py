"""What is measured of the largest logits alone: samples of many classes, errors of losses, students."""

import pytest
import torch
from bench.top_k.losses import LOSSES, compare
from bench.top_k.samples import drawn, joined, joined_labels
from bench.top_k.students import Training, student_accuracies
from bench.top_k.ways import WAYS, own_temperature

LOGITS = torch.tensor([[1.0, 2.0], [10.0, 20.0], [100.0, 200.0]])


def test_logits_and_classes_of_a_pair_and_a_triple():
    """By hand: the class of (a, b) is 2 a + b, and its logit the sum of theirs."""
    pairs, triple = torch.tensor([[0, 1], [2, 0]]), torch.tensor([[0, 1, 2]])
    assert joined(LOGITS, pairs).tolist() == [[11, 21, 12, 22], [101, 102, 201, 202]]
    assert joined(LOGITS, triple).tolist() == [[111, 211, 121, 221, 112, 212, 122, 222]]
    labels = torch.tensor([1, 0, 1])
    assert joined_labels(labels, pairs, 2).tolist() == [2, 3]
    assert joined_labels(labels, triple, 2).tolist() == [5]


def test_samples_are_of_the_photographs_that_are_asked_for():
    chosen = drawn(500, 3, 40, 50, torch.Generator().manual_seed(0))
    assert chosen.shape == (500, 3)
    assert set(chosen.flatten().tolist()) == set(range(40, 50))


@pytest.mark.parametrize("name", LOSSES)
def test_with_all_logits_no_loss_has_an_error(name):
    random = torch.Generator().manual_seed(0)
    teacher, student = (2 * torch.randn(64, 12, generator=random) for _ in range(2))
    labels = torch.randint(12, (64,), generator=random)
    error = compare(teacher, student, labels, lambda logits, *_: logits, 5, name)
    assert error == {"loss": 0, "gradient": 0, "cosine": pytest.approx(1)}
    assert compare(teacher, student, labels, own_temperature, 3, name)["gradient"] > 0.01


@pytest.mark.parametrize("way", WAYS)
def test_every_way_keeps_the_largest_logits(way):
    logits = 3 * torch.randn(20, 30, generator=torch.Generator().manual_seed(0))
    restored = WAYS[way](logits, 5, 4.0)
    values, places = logits.topk(5, dim=1)
    torch.testing.assert_close(restored.gather(1, places), values, rtol=2e-3, atol=2e-3)  # float16
    assert not torch.equal(restored, logits)


@pytest.mark.full
def test_students_learn_from_the_logits_of_their_samples():
    """Ten classes, each a colour that a photograph has all over: a student learns pairs of them."""
    labels = torch.arange(200) % 10
    images = (labels / 9)[:, None, None, None].expand(-1, 1, 4, 4).contiguous()
    logits = 8.0 * torch.nn.functional.one_hot(labels, 10)
    how = Training(samples=2000, epochs=6, seeds=1, temperatures=[4.0], channels=(16,))
    rows = student_accuracies(images, logits, labels, [5], how)
    whole, some = next(rows), next(rows)
    assert [(row["classes"], row["top_k"]) for row in (whole, some)] == [(100, None), (100, 5)]
    assert whole["accuracies"][0] > 10  # by chance: 1
