"""Contrastive distillation: its loss from the paper's h, its negatives, and its memory."""

import math

import numpy as np
import pytest
import torch
from batches import batch_of
from layers_by_hand import affine, array, cross_entropy
from parts import SMALL, Shaped, prepared, random_outputs

from kd.distillation.base import Context
from kd.errors import UserError
from kd.methods.crd import Method, nce_loss

MANY = torch.arange(40) % 3  # labels of a training split
BATCH = torch.tensor([7, 3, 39, 12])


def method(memory="bank", labels=MANY, **options):
    return prepared("crd", {"memory": memory, "dimensions": 6, "negatives": 16, **options}, labels=labels)


def batch(seed=0, indices=BATCH):
    return batch_of(*random_outputs(seed=seed, size=len(indices)), MANY[indices], indices=indices)


def unit(rows):
    return rows / np.sqrt((rows**2).sum(axis=1, keepdims=True))


def embedded(crd, batch):
    return [
        unit(affine(array(answer.stages[-1]).mean(axis=(2, 3)), layer))
        for layer, answer in zip(crd.embed, (batch.student, batch.teacher), strict=True)
    ]


def by_hand(positives, scores, counts, z=None):
    """Σ of −log h and −log(1 − h), sample by sample and negative by negative; and the constant Z."""
    seen = [math.exp(value) for value in positives]
    for row, times in zip(scores, counts, strict=True):
        for value, count in zip(row, times, strict=True):
            seen += [math.exp(value)] * int(count)
    z, total = z or sum(seen) / len(seen), 0.0
    for positive, row, times in zip(positives, scores, counts, strict=True):
        n = sum(times)
        total -= math.log(math.exp(positive) / z / (math.exp(positive) / z + n))
        for value, count in zip(row, times, strict=True):
            total -= count * math.log(1 - math.exp(value) / z / (math.exp(value) / z + n))
    return total / len(positives), z


def test_a_case_small_enough_for_the_head():
    """One negative, both scores 0, Z = 1: h = 1/2 for both, so −log ½ − log ½."""
    loss = nce_loss(torch.zeros(1), torch.zeros(1, 1), torch.ones(1, 1), torch.zeros(()))
    assert loss.item() == pytest.approx(2 * math.log(2))


@pytest.mark.parametrize("memory", ["bank", "queue"])
def test_loss_is_that_of_the_paper_in_the_first_batch_and_in_the_next(memory):
    crd, zs = method(memory), [None, None]
    for seed in (0, 1):
        context, vectors = batch(seed), embedded(crd, batch(seed))
        rows = array(crd.rows)
        torch.manual_seed(seed)
        counts = array(crd._counts(context.labels))
        expected = 0.0
        for own, vector in enumerate(vectors):
            match = rows[1 - own][BATCH] if memory == "bank" else vectors[1 - own]
            positives = [float(a @ b) / 0.07 for a, b in zip(vector, match, strict=True)]
            loss, zs[own] = by_hand(positives, vector @ rows[1 - own].T / 0.07, counts, zs[own])
            expected += loss
        torch.manual_seed(seed)
        terms = crd.losses(context)
        assert terms["crd"].item() == pytest.approx(0.8 * expected, rel=1e-5)
        assert terms["ce"].item() == pytest.approx(
            cross_entropy(array(context.student.logits), context.labels.numpy()), rel=1e-12
        )
        assert crd.log_z.exp().tolist() == pytest.approx(zs, rel=1e-6)


def test_the_constant_stays_that_of_the_first_batch():
    crd = method()
    crd.losses(batch(0))
    first = crd.log_z.clone()
    crd.losses(batch(1))
    assert torch.equal(crd.log_z, first)
    assert first.ne(0).all()


def test_negatives_are_of_other_classes_all_of_them_and_equally_often():
    crd, labels = method(negatives=10_000), torch.tensor([0, 1, 2, 2])
    crd.drawn = 20_000  # more than there are, to see the shares
    counts = crd._counts(labels)
    assert counts.sum(dim=1).tolist() == [20_000.0] * 4
    other = labels.unsqueeze(1) != MANY
    assert counts[~other].sum() == 0
    shares = (counts / 20_000 * other.sum(dim=1, keepdim=True))[other]
    assert shares.min() > 0.85
    assert shares.max() < 1.15


def test_no_more_negatives_than_there_are():
    """40 samples of which 14 are of class 0: 26 are of others."""
    assert method(negatives=16384).drawn == 26
    assert method("queue", negatives=16384).rows.shape == (2, 40, 6)
    assert method("queue", negatives=9).rows.shape == (2, 9, 6)


@pytest.mark.parametrize("memory", ["bank", "queue"])
def test_every_row_has_length_one_from_the_start(memory):
    lengths = method(memory).rows.pow(2).sum(dim=2)
    assert lengths.flatten().tolist() == pytest.approx([1.0] * lengths.numel(), rel=1e-5)


def test_one_class_is_refused():
    context = Context(Shaped(SMALL[0]), Shaped(SMALL[1]), (1, 8, 8), 3, torch.zeros(9, dtype=torch.int64), 5)
    with pytest.raises(UserError, match="crd compares classes, and all 9 training images are of one"):
        Method().prepare(context)


def test_the_bank_learns_exactly_the_rows_of_the_batch():
    crd, context = method(), batch()
    before, place = array(crd.rows).copy(), crd.rows.data_ptr()
    vectors = embedded(crd, context)
    crd.losses(context)
    after = array(crd.rows)
    for own in (0, 1):
        expected = unit(0.5 * before[own][BATCH] + 0.5 * vectors[own])
        assert after[own][BATCH] == pytest.approx(expected, rel=1e-6)
    others = [index for index in range(40) if index not in BATCH]
    assert np.array_equal(after[:, others], before[:, others])
    assert crd.rows.data_ptr() == place  # a replayed step writes where it did before


def test_the_queue_holds_the_newest_and_their_labels():
    crd, context = method("queue", negatives=6), batch()
    vectors = embedded(crd, context)
    crd.losses(context)
    assert crd.row_labels.tolist() == [*MANY[BATCH].tolist(), -1, -1]
    assert array(crd.rows)[1][:4] == pytest.approx(vectors[1], rel=1e-6)
    later = torch.tensor([0, 1, 2])
    crd.losses(batch(1, later))  # rows 4, 5 and then 0 again
    assert crd.row_labels.tolist() == [2, *MANY[BATCH][1:].tolist(), 0, 1]
    assert crd.place.item() == 1


def test_a_batch_larger_than_the_queue_leaves_its_last_ones():
    crd, context = method("queue", negatives=3), batch()
    vectors = embedded(crd, context)
    crd.losses(context)
    assert array(crd.rows)[0] == pytest.approx(vectors[0][1:], rel=1e-6)
    assert crd.row_labels.tolist() == MANY[BATCH][1:].tolist()


def test_the_order_of_a_batch_does_not_matter_to_a_queue():
    order = torch.tensor([2, 0, 3, 1])
    whole = batch()
    shuffled = batch_of(
        *[
            type(answer)(answer.logits[order], tuple(stage[order] for stage in answer.stages))
            for answer in (whole.student, whole.teacher)
        ],
        whole.labels[order],
        indices=BATCH[order],
    )
    first, second = method("queue").losses(whole), method("queue").losses(shuffled)
    assert first["crd"].item() == pytest.approx(second["crd"].item(), rel=1e-10)


def test_gradients_reach_the_last_stage_of_the_student_and_both_embeddings_only():
    crd, context = method(), batch()
    sum(crd.losses(context).values()).backward()
    assert context.student.stages[-1].grad.count_nonzero() > 0
    assert context.student.stages[0].grad is None
    assert all(stage.grad is None for stage in context.teacher.stages)
    assert all(parameter.grad.count_nonzero() for parameter in crd.parameters())
    assert not crd.rows.requires_grad


@pytest.mark.parametrize("memory", ["bank", "queue"])
def test_from_a_state_it_goes_on_as_it_would_have(memory):
    one, other = method(memory), method(memory)
    one.losses(batch(0))
    other.rows.zero_()
    other.load_state_dict(one.state_dict())
    losses = []
    for crd in (one, other):
        torch.manual_seed(4)
        losses.append(crd.losses(batch(1))["crd"])
    assert torch.equal(*losses)
    assert all(torch.equal(one.state_dict()[name], value) for name, value in other.state_dict().items())


def test_maps_of_zeros_stay_finite():
    crd = method()
    for layer in crd.embed:
        torch.nn.init.zeros_(layer.bias)
    student, teacher = random_outputs()
    zeros = tuple(torch.zeros_like(stage).requires_grad_() for stage in student.stages)
    context = batch_of((student.logits, zeros), teacher, MANY[BATCH], indices=BATCH)
    sum(crd.losses(context).values()).backward()
    assert zeros[-1].grad.isfinite().all()
