"""SemCKD: the distances of all pairs of feature maps and the attention to them, worked out by hand."""

from itertools import product

import numpy as np
import pytest
import torch
from batches import batch_of
from by_hand import differs, slopes_along
from features_by_hand import near
from layers_by_hand import affine, array, conv_bn, convolve, cross_entropy, divergence, pool, relu
from parts import prepared, random_outputs

pytestmark = pytest.mark.usefixtures("one_thread")
SIZE, SAMPLES = 10, 8  # of the batch, and those that queries see: of a length of two
LABELS = torch.arange(SIZE) % 3
ORDER = torch.tensor([2, 0, 3, 1, 9, 8, 4, 5, 7, 6])


def learnt(samples=SAMPLES, outputs=None, method=None):
    """The method, its terms of weight 2, and the outputs of both networks."""
    method = method or prepared("semckd", {"samples": samples, "weight": 2.0})
    outputs = outputs or random_outputs(size=SIZE)
    return method, method.losses(batch_of(*outputs, LABELS)), outputs


def embedded(embeds, stages, length=True):
    """(B, S, size): the queries or keys, from inner products with the first samples."""
    rows = []
    for embed, maps in zip(embeds, stages, strict=True):
        flat = maps.reshape(len(maps), -1)
        made = affine(relu(affine(flat @ flat[:SAMPLES].T, embed[0])), embed[2])
        rows.append(made / np.sqrt((made**2).sum(axis=1, keepdims=True)) if length else made)
    return np.stack(rows, axis=1)


def energies(method, student, teacher, **more):
    """(B, S, L)."""
    pair = embedded(method.queries, student, **more), embedded(method.keys, teacher, **more)
    return np.einsum("bsd,bld->bsl", *pair)


def softmax(energy, axis=2):
    powers = np.exp(energy - energy.max(axis=axis, keepdims=True))
    return powers / powers.sum(axis=axis, keepdims=True)


def distances(method, student, teacher, reduce=np.mean):
    """(B, S, L): squared differences of each sample's fitted maps."""
    values, fits = [], iter(method.fits)
    for own, other in product(student, teacher):
        layers = next(fits)
        side = min(own.shape[2], other.shape[2])
        x = relu(conv_bn(pool(own, side), layers[0:2]))
        x = convolve(relu(conv_bn(x, layers[3:5])), layers[6])
        values.append(reduce(((x - pool(other, side)) ** 2).reshape(len(x), -1), axis=1))
    return np.stack(values, axis=1).reshape(-1, len(student), len(teacher))


def by_hand(method, student, teacher):
    """The sum over the teacher's maps, the mean over samples and the student's, with weight 2."""
    attention = softmax(energies(method, student, teacher))
    return 2 * (attention * distances(method, student, teacher)).sum() / (len(student[0]) * len(student))


def arrays(outputs):
    return ([array(stage) for stage in output.stages] for output in outputs)


def test_it_attends_to_every_pair():
    method, terms, outputs = learnt()
    student, teacher = arrays(outputs)
    near(terms["semckd"], by_hand(method, student, teacher), rel=1e-12)
    logits = [array(output.logits) for output in outputs]
    near(terms["kd"], divergence(logits[1], logits[0], 4.0), rel=1e-12)
    near(terms["ce"], cross_entropy(logits[0], LABELS.numpy()), rel=1e-12)


def test_the_gradient_of_the_students_maps():
    """Through the fits and through the queries, but for the kinks of ReLUs."""
    method, terms, outputs = learnt()
    _, teacher = arrays(outputs)
    terms["semckd"].backward()
    slopes_along(lambda student: by_hand(method, student, teacher), outputs[0].stages)
    assert outputs[0].logits.grad is None
    owned = [*method.queries.parameters(), *method.keys.parameters(), *method.fits.parameters()]
    assert all(parameter.grad.any() for parameter in owned)


@pytest.mark.parametrize("layer", ["queries", "keys"])
def test_the_gradient_of_what_attends(layer):
    method, terms, outputs = learnt()
    student, teacher = arrays(outputs)
    terms["semckd"].backward()
    weight = getattr(method, layer)[1][2].weight

    def moved(weights):
        kept = weight.data.clone()
        weight.data = torch.tensor(weights[0])
        value = by_hand(method, student, teacher)
        weight.data = kept
        return value

    slopes_along(moved, [weight])


def test_known_mistakes():
    method, terms, outputs = learnt()
    student, teacher = arrays(outputs)
    energy, gaps = energies(method, student, teacher), distances(method, student, teacher)
    attention, samples, own = softmax(energy), SIZE, 3
    long = softmax(energies(method, student, teacher, length=False))
    mistakes = {
        "attention over the student's maps": (softmax(energy, 1) * gaps).sum() / (samples * own),
        "equal attention": gaps.mean(axis=2).mean(),
        "no softmax": (energy * gaps).sum() / (samples * own),
        "queries of any length": (long * gaps).sum() / (samples * own),
        "of the other pair": (attention.transpose(0, 2, 1) * gaps).sum() / (samples * own),
        "a sum over the student's maps": (attention * gaps).sum() / samples,
        "a mean over the teacher's maps": (attention * gaps).mean(),
        "maps of the same place alone": sum(gaps[:, place, place].mean() for place in range(3)) / 3,
        "a sum over positions": (attention * distances(method, student, teacher, np.sum)).sum()
        / (samples * own),
        "the attention of other samples": (attention[::-1] * gaps).sum() / (samples * own),
    }
    differs(terms["semckd"], {mistake: 2 * value for mistake, value in mistakes.items()})
    logits = [array(output.logits) for output in outputs]
    kd = divergence(logits[1], logits[0], 4.0)
    differs(terms["kd"], {
        "no T²": kd / 16,
        "turned round": divergence(*logits, 4.0),
        "not softened": divergence(logits[1], logits[0]),
    })  # fmt: skip


def permuted(outputs, order=ORDER):
    return [
        type(output)(output.logits[order], tuple(stage[order] for stage in output.stages))
        for output in outputs
    ]


def test_the_order_of_the_batch_matters_to_the_attention_alone():
    """A query has a number for each of the first samples, in their order, and weights for these numbers.

    So with the weights in the order of the samples the loss is the same, and without it is another.
    """
    method, terms, outputs = learnt(samples=SIZE)
    mixed = method.losses(batch_of(*permuted(outputs), LABELS[ORDER]))
    assert mixed["semckd"].item() != pytest.approx(terms["semckd"].item(), rel=1e-4)
    for term in ("kd", "ce"):
        assert mixed[term].item() == pytest.approx(terms[term].item(), rel=1e-12)
    for embed in (*method.queries, *method.keys):
        embed[0].weight.data = embed[0].weight.data[:, ORDER]
    mixed = method.losses(batch_of(*permuted(outputs), LABELS[ORDER]))
    assert mixed["semckd"].item() == pytest.approx(terms["semckd"].item(), rel=1e-9)
    unpaired = [permuted(outputs)[0], outputs[1]]
    assert learnt(outputs=unpaired, method=method)[1]["semckd"].item() != pytest.approx(
        terms["semckd"].item(), rel=1e-4
    )


def test_neither_the_length_of_queries_nor_a_constant_of_the_logits_matters():
    method, terms, (student, teacher) = learnt()
    for embed in (*method.queries, *method.keys):
        embed[2].weight.data *= 3
        embed[2].bias.data *= 3
    shifted = [type(output)(output.logits + 7, output.stages) for output in (student, teacher)]
    other = learnt(outputs=shifted, method=method)[1]
    for term, value in terms.items():
        assert other[term].item() == pytest.approx(value.item(), rel=1e-9), term


@pytest.mark.parametrize("scale", [0.0, 1e-5, 1e4])
def test_hard_features_stay_finite(scale):
    method, _, outputs = learnt()
    method.float()
    student, teacher = (
        type(output)(
            scale * output.logits.detach().float(),
            tuple(scale * stage.detach().float() for stage in output.stages),
        )
        for output in outputs
    )
    for stage in student.stages:
        stage.requires_grad_()
    terms = learnt(outputs=[student, teacher], method=method)[1]
    sum(terms.values()).backward()
    assert all(term.isfinite() for term in terms.values())
    assert all(stage.grad.isfinite().all() for stage in student.stages)
