"""Logits of regions, their weights, and the losses that are averaged over them, against plain numbers."""

import numpy as np
import pytest
import torch
from batches import batch_of
from by_hand import kl, mean, softened
from torch import nn
from torch.nn import functional

from kd.distillation.base import Context
from kd.distillation.combined import build_method
from kd.distillation.regions import Regions, region_means, weights_of
from kd.errors import UserError
from kd.methods.dkd import nckd_loss, tckd_loss
from kd.methods.nkd import nontarget_loss, target_loss

LABELS = np.array([0, 2, 1, 3])


@pytest.mark.parametrize(("side", "parts"), [(8, 4), (7, 4), (5, 2), (3, 3), (4, 1)])
def test_parts_of_a_side_are_those_of_adaptive_pooling(side, parts):
    column = torch.randn(1, side, generator=torch.manual_seed(0))
    ours = column @ region_means(side, parts).T
    assert torch.allclose(ours, functional.adaptive_avg_pool1d(column, parts), atol=1e-6)


@pytest.mark.parametrize("size", [(8, 8), (4, 4), (7, 7), (6, 5)])
def test_regions_are_a_pyramid_of_the_finest(size):
    """As in the authors' code: 4x4 parts, then 2x2 and the whole of those; the whole first."""
    maps = torch.randn(2, 3, *size, generator=torch.manual_seed(0))
    finest = functional.adaptive_avg_pool2d(maps, 4)
    parts = [functional.adaptive_avg_pool2d(finest, scale).flatten(2) for scale in (1, 2, 4)]
    right = torch.cat(parts, dim=2).movedim(2, 0)
    ours = Regions(*size, (1, 2, 4))(maps)
    assert ours.shape == (21, 2, 3)
    assert torch.allclose(ours, right, atol=1e-6)


def test_weights_of_regions():
    """Samples: right as a whole, and wrong. Regions that differ from the whole in this have the weight 2."""
    one, two = [1.0, 0.0], [0.0, 1.0]
    teacher = torch.tensor([[one, one], [two, two], [one, one]])  # regions, samples, classes
    weights = weights_of(teacher, torch.tensor([0, 1]), 2.0)
    assert weights.tolist() == [[1, 1], [2, 2], [1, 1]]


class Net(nn.Module):
    """Its maps are the images, and its logits the classifier's on their means."""

    def __init__(self, side=8, channels=3):
        super().__init__()
        self.shape = channels, side, side
        self.classifier = nn.Linear(channels, 5)

    def forward_stages(self, images):
        maps = torch.zeros(len(images), *self.shape) if len(images) == 1 else images
        return [maps], self.classifier(maps.mean(dim=(2, 3)))


def taught(name, side=8, **options):
    torch.manual_seed(0)
    student, teacher = Net(side), Net(side)
    method = build_method(name, options)
    method.prepare(Context(student, teacher, (3, side, side), 5, torch.tensor(LABELS), 2))
    images = torch.randn(2, 4, 3, side, side)
    answers = []
    for network, maps in zip((student, teacher), images, strict=True):
        stages, logits = network.forward_stages(maps)
        answers.append((logits, tuple(stages)))
    return method, student, batch_of(*answers, LABELS, epoch=19), images, teacher


def by_hand(images, networks, loss, scales=(1, 2, 4)):
    """The weighted mean over all regions and samples of a loss of two logits and a label."""
    logits = []
    for network, maps in zip(networks, images.numpy(), strict=True):
        weight, bias = (p.detach().numpy() for p in network.classifier.parameters())
        regions = []
        for scale in scales:
            step = maps.shape[2] // scale
            for y in range(0, maps.shape[2], step):
                for x in range(0, maps.shape[3], step):
                    regions.append(maps[:, :, y : y + step, x : x + step].mean((2, 3)) @ weight.T + bias)
        logits.append(np.array(regions))
    right = logits[1].argmax(2) == LABELS
    weights = np.where(right == right[0], 1.0, 2.0)
    count, samples = weights.shape
    assert len(set(weights.ravel())) == 2, "both kinds of regions"
    pairs = [(r, b) for r in range(count) for b in range(samples)]
    return mean(weights[r, b] * loss(logits[0][r, b], logits[1][r, b], LABELS[b]) for r, b in pairs)


def one(loss, *more):
    return lambda s, t, y: loss(torch.tensor(s)[None], torch.tensor(t)[None], torch.tensor([y]), *more).item()


def test_sd_kd():
    method, student, batch, images, teacher = taught("sd_kd")
    terms = method.losses(batch)

    def hinton(s, t, _):
        return 16 * kl(softened(t, 4), softened(s, 4))

    right = by_hand(images, (student, teacher), hinton)
    assert terms["kd"].item() == pytest.approx(0.9 * right, rel=1e-4)
    assert terms["ce"].item() == pytest.approx(0.1 * batch.cross_entropy(batch.student.logits).item())
    assert method.describe() == "0.1·CE + 0.9·T²·KL of regions (SD-KD), T=4"
    terms["kd"].backward()
    assert student.classifier.weight.grad.abs().sum() > 0
    assert teacher.classifier.weight.grad is None
    assert list(method.parameters()) == []
    assert method.state_dict() == {}


def test_sd_dkd_and_sd_nkd():
    """By the functions of the methods that they wrap, region by region, which other tests work out by hand."""
    method, student, batch, images, teacher = taught("sd_dkd")
    networks, terms = (student, teacher), method.losses(batch)
    assert terms["tckd"].item() == pytest.approx(by_hand(images, networks, one(tckd_loss, 4.0)), rel=1e-4)
    assert terms["nckd"].item() == pytest.approx(8 * by_hand(images, networks, one(nckd_loss, 4.0)), rel=1e-4)
    method, student, batch, images, teacher = taught("sd_nkd")
    networks, terms = (student, teacher), method.losses(batch)
    assert terms["target"].item() == pytest.approx(by_hand(images, networks, one(target_loss)), rel=1e-4)
    right = 8 * by_hand(images, networks, one(nontarget_loss, 4.0))
    assert terms["nontarget"].item() == pytest.approx(right, rel=1e-4)


def test_the_whole_comes_first():
    method, _, batch, *_ = taught("sd_kd", scales=[1, 2])
    student, _, labels, weights = method.regional(batch, batch.labels)
    assert torch.allclose(student[:4], batch.student.logits, atol=1e-6)
    assert labels.tolist() == [*LABELS] * 5
    assert weights[:4].tolist() == [1] * 4


@pytest.mark.parametrize(("side", "regions"), [(8, 21), (2, 5), (3, 5)])
def test_scales_that_do_not_fit_are_left_out(side, regions):
    method, _, batch, *_ = taught("sd_kd", side=side)
    assert method.regional(batch, batch.labels)[0].shape == (regions * 4, 5)


def test_maps_of_one_pixel_have_no_regions():
    with pytest.raises(UserError, match=r"whose smaller side has 1 pixels; none of the scales \(1, 2, 4\)"):
        taught("sd_kd", side=1)


def test_the_order_of_the_batch_does_not_matter():
    method, student, batch, images, teacher = taught("sd_kd")
    order = torch.tensor([2, 0, 3, 1])
    answers = []
    for network, maps in zip((student, teacher), images, strict=True):
        stages, logits = network.forward_stages(maps[order])
        answers.append((logits, tuple(stages)))
    other = method.losses(batch_of(*answers, LABELS[order], epoch=19))
    for name, value in method.losses(batch).items():
        assert other[name].item() == pytest.approx(value.item(), rel=1e-5), name


def test_a_classifier_of_a_token_is_not_one_of_regions():
    student, teacher = Net(), Net()
    teacher.classifies_maps = False
    with pytest.raises(UserError, match="teacher's classifier for feature maps, and it reads a class"):
        build_method("sd_kd", {}).prepare(Context(student, teacher, (3, 8, 8), 5, torch.tensor(LABELS), 2))
