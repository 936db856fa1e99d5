"""The student's own soft labels, and correlations of maps: against plain numbers from the papers' formulas."""

from math import log

import numpy as np
import pytest
import torch
from batches import batch_of
from by_hand import LABELS, STUDENT, TEACHER, cross, differs, mean, renormalised, slopes, softened, without
from parts import Shaped

from kd.distillation.base import Context
from kd.distillation.combined import build_method
from kd.errors import UserError
from kd.methods.dist_plus import channel_loss, spatial_loss
from kd.methods.uskd import nontarget_loss, target_loss, zipf_targets

WEAK = TEACHER  # of the auxiliary classifier, here


def tensors():
    return torch.tensor(STUDENT), torch.tensor(WEAK), torch.tensor(LABELS)


def gradient_of(loss):
    student = torch.tensor(STUDENT, requires_grad=True)
    loss(student).backward()
    return student.grad.numpy()


def test_a_label_weighs_by_how_well_it_is_fitted():
    """1 + q_y² minus the mean of the batch, which is no function that gradients go through."""
    own = [softened(s)[y] for s, y in zip(STUDENT, LABELS, strict=True)]
    weights = [1 + q**2 - mean(p**2 for p in own) for q in own]

    def by_hand(student):
        rows = zip(weights, student, LABELS, strict=True)
        return mean(-weight * log(softened(s)[y]) for weight, s, y in rows)

    student, _, labels = tensors()
    loss = target_loss(student, labels)
    assert loss.item() == pytest.approx(by_hand(STUDENT), rel=1e-9)
    assert mean(weights) == pytest.approx(1)
    plain = mean(-log(q) for q in own)
    assert loss.item() != pytest.approx(plain, rel=1e-3)
    assert loss.item() != pytest.approx(by_hand(STUDENT) / 7, rel=1e-3)
    assert gradient_of(lambda z: target_loss(z, labels)) == pytest.approx(slopes(by_hand, STUDENT), abs=1e-8)


def zipf_by_hand(student, weak, label):
    """1/k of the class with the k-th largest sum of both normalised probabilities; the sum of all is 1."""
    sums = [
        a + b
        for a, b in zip(
            *(renormalised(without(softened(row), label)) for row in (student, weak)), strict=True
        )
    ]
    order = sorted(range(6), key=lambda i: -sums[i])
    return renormalised([1 / (order.index(i) + 1) for i in range(6)])


def test_the_other_classes_have_shares_by_rank():
    shares = [zipf_by_hand(s, w, y) for s, w, y in zip(STUDENT, WEAK, LABELS, strict=True)]
    student, weak, labels = tensors()
    assert zipf_targets(student, weak, labels).numpy() == pytest.approx(np.array(shares), abs=1e-12)

    def by_hand(logits):
        rows = zip(shares, logits, LABELS, strict=True)
        return mean(cross(z, renormalised(without(softened(s), y))) for z, s, y in rows)

    loss = nontarget_loss(student, weak, labels)
    assert loss.item() == pytest.approx(by_hand(STUDENT), rel=1e-9)
    coupled = mean(cross(z, without(softened(s), y)) for z, s, y in zip(shares, STUDENT, LABELS, strict=True))
    for wrong in (coupled, by_hand(STUDENT) / 6, nontarget_loss(student, student, labels).item()):
        assert loss.item() != pytest.approx(wrong, rel=1e-4)
    gradient = gradient_of(lambda z: nontarget_loss(z, weak, labels))
    assert gradient == pytest.approx(slopes(by_hand, STUDENT), abs=1e-8)


def test_shares_with_a_pencil():
    """Of four classes three are left: 1, 1/2 and 1/3, of 11/6."""
    logits = torch.tensor([[9.0, 1.0, 3.0, 2.0]])
    targets = zipf_targets(logits, torch.zeros(1, 4), torch.tensor([0]))
    assert targets.tolist() == [pytest.approx([2 / 11, 6 / 11, 3 / 11])]


def test_one_class_that_has_all_the_mass_has_others_in_order_still():
    """In float32 1 − q_y is 0; the order of the others comes from their own softmax."""
    logits = torch.tensor([[500.0, 1.0, 3.0, 2.0]])
    targets = zipf_targets(logits, torch.zeros(1, 4), torch.tensor([0]))
    assert targets.tolist() == [pytest.approx([2 / 11, 6 / 11, 3 / 11])]


def uskd(**options):
    torch.manual_seed(0)
    method = build_method("uskd", options)
    method.prepare(Context(Shaped([(3, 4, 4), (5, 2, 2)]), None, (3, 8, 8), 7, torch.tensor(LABELS), 2))
    return method.double()


def uskd_batch(order=(0, 1, 2, 3, 4), shift=0.0):
    random = torch.manual_seed(1)
    stages = [torch.randn(5, 3, 4, 4, generator=random).double(), torch.randn(5, 5, 2, 2).double()]
    logits = (torch.tensor(STUDENT) + shift)[list(order)].requires_grad_()
    return batch_of((logits, tuple(stage[list(order)] for stage in stages)), None, LABELS[list(order)])


def test_uskd_as_published():
    method, batch = uskd(), uskd_batch()
    assert (method.target_weight, method.nontarget_weight, method.weak_weight) == (0.1, 0.1, 0.1)
    assert method.describe() == "CE + 0.1·target + 0.1·non-target + 0.1·weak CE (USKD)"
    terms = method.losses(batch)
    assert set(terms) == {"ce", "target", "nontarget", "weak"}
    pooled = batch.student.stages[0].mean(dim=(2, 3)).numpy()
    weak = pooled @ method.auxiliary.weight.detach().numpy().T + method.auxiliary.bias.detach().numpy()
    smoothed = [[0.9 * (i == y) + 0.1 / 7 for i in range(7)] for y in LABELS]
    right = mean(cross(label, softened(row)) for label, row in zip(smoothed, weak, strict=True))
    assert terms["weak"].item() == pytest.approx(0.1 * right, rel=1e-9)
    sum(terms.values()).backward()
    assert all(parameter.grad.abs().sum() > 0 for parameter in method.parameters())


@pytest.mark.parametrize("more", [{"order": (4, 2, 0, 1, 3)}, {"shift": 30.0}])
def test_order_and_a_constant_do_not_matter(more):
    method = uskd()
    terms, other = (method.losses(uskd_batch(**options)) for options in ({}, more))
    for name, value in terms.items():
        assert other[name].item() == pytest.approx(value.item(), rel=1e-9), name


def test_uskd_needs_a_stage_before_the_last():
    with pytest.raises(UserError, match="uskd needs a student with feature maps of two stages or more"):
        build_method("uskd", {}).prepare(Context(Shaped([(3, 8, 8)]), None, (3, 8, 8), 7, torch.zeros(4), 2))


def test_a_batch_of_one_is_its_own_mean():
    student, weak, labels = (value[:1] for value in tensors())
    assert target_loss(student, labels).item() == pytest.approx(-log(softened(STUDENT[0])[LABELS[0]]))
    assert nontarget_loss(student, weak, labels).isfinite()


RANDOM = np.random.default_rng(0)
MAPS, OTHER = RANDOM.normal(size=(2, 4, 3, 2, 2))


def r(a, b):
    return np.corrcoef(a, b)[0, 1]


def channel_by_hand(maps, other=OTHER):
    """Over the channels of each pixel."""
    pixels = [(b, y, x) for b in range(4) for y in range(2) for x in range(2)]
    return mean(1 - r(maps[b, :, y, x], other[b, :, y, x]) for b, y, x in pixels)


def spatial_by_hand(maps, other=OTHER):
    """Over the samples, of each pixel of the sums over channels."""
    sums = maps.sum(1), other.sum(1)
    return mean(1 - r(sums[0][:, y, x], sums[1][:, y, x]) for y in range(2) for x in range(2))


def test_correlations_of_maps():
    ours = [loss(torch.tensor(MAPS), torch.tensor(OTHER)) for loss in (channel_loss, spatial_loss)]
    right = [channel_by_hand(MAPS), spatial_by_hand(MAPS)]
    assert [loss.item() for loss in ours] == pytest.approx(right, rel=1e-6)
    sums = MAPS.sum(1), OTHER.sum(1)
    differs(ours[0], {
        "over pixels": mean(1 - r(MAPS[b, c].ravel(), OTHER[b, c].ravel()) for b in range(4) for c in range(3)),
        "a sum": 16 * right[0],
        "the correlation": 1 - right[0],
    })  # fmt: skip
    differs(ours[1], {
        "over the pixels of a sample": mean(1 - r(a.ravel(), b.ravel()) for a, b in zip(*sums, strict=True)),
        "of each channel": mean(
            1 - r(MAPS[:, c, y, x], OTHER[:, c, y, x]) for c, y, x in np.ndindex(3, 2, 2)
        ),
        "a sum": 4 * right[1],
    })  # fmt: skip


@pytest.mark.parametrize(
    ("loss", "by_hand"), [(channel_loss, channel_by_hand), (spatial_loss, spatial_by_hand)]
)
def test_gradients_of_the_correlations(loss, by_hand):
    maps = torch.tensor(MAPS, requires_grad=True)
    loss(maps, torch.tensor(OTHER)).backward()
    assert maps.grad.numpy() == pytest.approx(slopes(by_hand, MAPS), abs=1e-7)


def test_scale_and_shift_of_maps_do_not_matter():
    maps, other = torch.tensor(MAPS), torch.tensor(OTHER)
    assert channel_loss(3 * maps + 5, other).item() == pytest.approx(channel_loss(maps, other).item())
    assert spatial_loss(3 * maps + 5, other).item() == pytest.approx(spatial_loss(maps, other).item())
    assert channel_loss(maps, maps).item() == pytest.approx(0, abs=1e-6)
    assert channel_loss(-maps, maps).item() == pytest.approx(2, abs=1e-6)


@pytest.mark.parametrize("samples", [1, 4])
def test_maps_that_do_not_vary_correlate_with_nothing(samples):
    maps = torch.zeros(samples, 3, 2, 2, requires_grad=True)
    for loss in (channel_loss, spatial_loss):
        value = loss(maps, torch.tensor(OTHER[:samples]).float())
        value.backward()
        assert value.item() == pytest.approx(1)
        assert maps.grad.isfinite().all()


def test_dist_plus_as_described():
    torch.manual_seed(0)
    method = build_method("dist_plus", {})
    shapes = [(3, 4, 4)], [(3, 2, 2)]
    method.prepare(Context(*(Shaped(s) for s in shapes), (3, 8, 8), 7, torch.tensor(LABELS), 2))
    assert method.describe() == "CE + 2·inter + 2·intra + 1·channel + 1·spatial (DIST+), T=4"
    maps = torch.randn(5, 3, 4, 4).double(), torch.randn(5, 3, 2, 2).double()
    terms = method.losses(
        batch_of((torch.tensor(STUDENT), (maps[0],)), (torch.tensor(TEACHER), (maps[1],)), LABELS)
    )
    plain = build_method("dist", {"temperature": 4, "inter_weight": 2, "intra_weight": 2})
    dist = plain.losses(batch_of(torch.tensor(STUDENT), torch.tensor(TEACHER), LABELS))
    for name, value in dist.items():
        assert terms[name].item() == pytest.approx(value.item()), name
    small = maps[0].reshape(5, 3, 2, 2, 2, 2).mean(dim=(3, 5))
    assert terms["channel"].item() == pytest.approx(channel_loss(small, maps[1]).item())
    assert terms["spatial"].item() == pytest.approx(spatial_loss(small, maps[1]).item())
