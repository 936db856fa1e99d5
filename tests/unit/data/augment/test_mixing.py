"""Mixup and CutMix: shares beside scipy's distribution, pixels and labels beside torchvision's."""

import numpy as np
import pytest
import torch
from scipy import stats
from torch.nn import functional
from torchvision.transforms import v2

from kd.data.augment.mixing import Mixed, mix, shares_of
from kd.data.augmentation import Augmentation
from kd.data.loader import Loader
from kd.data.rows import Rows
from kd.data.views import Split, ViewedImages
from kd.distillation.batch import Batch

N = 5000


@pytest.mark.parametrize("alpha", [0.2, 1.0, 8.0])
def test_shares_are_of_the_beta_distribution(alpha):
    shares = Rows(Augmentation(mixup=alpha), 3, N).shown_in(4).mixed.shares.numpy()
    assert stats.kstest(shares, stats.beta(alpha, alpha).cdf).pvalue > 1e-3
    words = np.array([0, 2**63, 2**64 - 1], dtype=np.uint64)
    middle = stats.beta(alpha, alpha).ppf([0.5 / 65536, 0.5 + 0.5 / 65536, 1 - 0.5 / 65536])
    assert np.allclose(shares_of(words, alpha), middle)


def test_partners_shares_and_kinds_are_even_and_unrelated():
    mixed = Rows(Augmentation(2, True, mixup=1.0, cutmix=1.0), 3, N).shown_in(4).mixed
    cut, partners = mixed.boxes & 1, mixed.partners.double()
    assert abs(cut.double().mean() - 0.5) < 0.04
    assert abs(partners.mean() / N - 0.5) < 0.02
    assert partners.unique().numel() > 0.6 * N  # drawn with replacement: 1 - 1/e
    rows = torch.stack([cut.double(), partners, mixed.shares.double(), mixed.views.double()])
    assert (torch.corrcoef(rows) - torch.eye(4)).abs().max() < 0.07


@pytest.mark.parametrize("how", [Augmentation(mixup=0.2), Augmentation(cutmix=1.0, views=4)])
def test_what_is_mixed_is_a_function_of_seed_epoch_and_sample_or_of_version_and_sample(how):
    one, other = Rows(how, 3, 60), Rows(how, 4, 60)
    rows, samples = np.array([2, 0, 2]), np.array([59, 7, 0])
    some, same = one.shown(rows, samples).mixed, one.shown(np.full(60, 2), np.arange(60)).mixed
    for name in ("partners", "views", "shares", "boxes"):
        assert getattr(some, name)[0] == getattr(same, name)[59]
        assert getattr(some, name)[2] == getattr(same, name)[0]
    equal = torch.equal(other.shown(rows, samples).mixed.shares, some.shares)
    assert equal == bool(how.views)


def mixed_of(count, share, boxes):
    partners = torch.arange(count).roll(1)
    return Mixed(partners, partners, torch.full((count,), share), torch.tensor(boxes).expand(count))


def test_mixup_is_torchvisions():
    images = torch.rand(6, 3, 8, 10, generator=torch.Generator().manual_seed(0))
    transform = v2.MixUp(num_classes=6)
    expected = transform.transform(images, {"lam": 0.3, "labels": None, "batch_size": 6})
    mixed, share = mix(images, images.roll(1, 0), mixed_of(6, 0.3, 0))
    assert torch.allclose(mixed, expected)
    assert share.tolist() == [pytest.approx(0.3)] * 6


@pytest.mark.parametrize("place", [(0.0, 0.0), (0.5, 0.45), (0.99, 0.99)])
@pytest.mark.parametrize("share", [0.0, 0.3, 0.9, 1.0])
def test_cutmix_is_torchvisions(monkeypatch, place, share):
    """With the same middle of the box: the same pixels, and the share that is left."""
    images = torch.rand(6, 3, 8, 10, generator=torch.Generator().manual_seed(0))
    drawn = iter([int(place[1] * 10), int(place[0] * 8)])  # torchvision draws the column first
    transform = v2.CutMix(num_classes=6)
    monkeypatch.setattr(torch, "randint", lambda *args, **more: torch.tensor([next(drawn)]))
    monkeypatch.setattr(transform, "_dist", type("One", (), {"sample": lambda self, size: share})())
    parameters = transform.make_params([images])
    expected = transform.transform(images, parameters | {"labels": None, "batch_size": 6})
    row, column = (int(part * 2**30) for part in place)
    mixed, kept = mix(images, images.roll(1, 0), mixed_of(6, share, 1 | row << 1 | column << 31))
    assert torch.equal(mixed, expected)
    assert kept.tolist() == [pytest.approx(parameters["lam_adjusted"])] * 6


def batches(how, seed=3, batch_size=8):
    pixels = torch.randint(0, 256, (40, 6, 5, 1), generator=torch.Generator().manual_seed(1)).byte()
    labels = torch.arange(40) % 5
    images = ViewedImages(pixels, how, (0.0,), (1 / 255,))
    loader = Loader(Split(images, labels), batch_size, seed)
    return images, labels, Rows(how, seed, 40).shown_in(2), [(b, *loader.take(b)) for b in loader.epoch(2)]


def test_a_batch_has_the_label_of_the_larger_share_and_the_other_one():
    """At the plain view, pixels by hand: share · image + (1 − share) · partner."""
    images, labels, shown, taken = batches(Augmentation(mixup=1.0))
    plain = images.take(torch.arange(40), images.plain)
    for batch, pixels, own, (others, share) in taken:
        assert share.min() >= 0.5
        for place, sample in enumerate(batch.indices.tolist()):
            of_own, partner = shown.mixed.shares[sample], shown.mixed.partners[sample]
            blended = of_own * plain[sample] + (1 - of_own) * plain[partner]
            assert torch.allclose(pixels[place], blended, atol=1e-4)
            pair = {labels[sample].item(): of_own.item()}
            pair[labels[partner].item()] = pair.get(labels[partner].item(), 0) + 1 - of_own.item()
            assert own[place].item() == (labels[sample] if of_own >= 0.5 else labels[partner]).item()
            assert {own[place].item(), others[place].item()} == set(pair)
            assert share[place].item() == pytest.approx(max(of_own.item(), 1 - of_own.item()))


def test_the_loss_of_mixed_labels():
    """share · CE(y) + (1 − share) · CE(y'), in float64; and smoothed as torch smooths probabilities."""
    random = torch.Generator().manual_seed(0)
    logits = torch.randn(6, 4, generator=random, dtype=torch.float64)
    labels, others = torch.tensor([0, 1, 2, 3, 0, 1]), torch.tensor([3, 1, 0, 0, 2, 2])
    share = torch.rand(6, generator=random, dtype=torch.float64)
    known = torch.zeros(6, 3, 2, 2), labels, torch.arange(6), torch.zeros(()), False, None
    batch = Batch(*known, mixture=(others, share))
    first, second = (functional.cross_entropy(logits, y, reduction="none") for y in (labels, others))
    assert torch.allclose(batch.cross_entropy(logits), (share * first + (1 - share) * second).mean())
    assert torch.equal(Batch(*known).cross_entropy(logits), functional.cross_entropy(logits, labels))
