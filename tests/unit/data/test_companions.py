"""Which sample goes with each of a batch, in which view, and what the loader hands over of it."""

import numpy as np
import pytest
import torch

from kd.data.augmentation import Augmentation
from kd.data.loader import Loader
from kd.data.sampler import companion_views, companions_of, order_seen
from kd.data.streaming import StreamedImages
from kd.data.views import Split, ViewedImages

LABELS = np.array([0, 1, 2, 0, 1, 0, 0, 2, 1, 0, 1, 2, 0, 1, 0, 2, 2, 0, 1, 0])
SIZES = [8, 8, 4]


def test_classmates_are_of_the_class_and_drawn_anew():
    epochs = [companions_of("class", 3, epoch, LABELS, SIZES) for epoch in range(200)]
    assert all((LABELS[others] == LABELS).all() for others in epochs)
    counts = np.bincount([others[1] for others in epochs], minlength=20)
    members = np.flatnonzero(LABELS == 1)
    assert counts[members].min() > 200 / len(members) / 2
    assert (companions_of("class", 3, 7, LABELS, SIZES) == epochs[7]).all()
    assert not (companions_of("class", 4, 7, LABELS, SIZES) == epochs[7]).all()


def test_the_batch_before():
    before, order = (order_seen(3, epoch, 20) for epoch in (4, 5))
    others = companions_of("previous", 3, 5, LABELS, SIZES)
    assert others[order[8:16]].tolist() == order[:8].tolist()
    assert others[order[16:]].tolist() == order[8:12].tolist()
    assert others[order[:8]].tolist() == [*before[16:], *before[16:]]  # four, repeated
    first = order_seen(3, 0, 20)
    assert companions_of("previous", 3, 0, LABELS, SIZES)[first[:8]].tolist() == first[:8].tolist()


def test_views_are_even_and_unrelated_to_the_samples_own():
    views = companion_views(3, 5, 10_000, 18)
    assert np.bincount(views, minlength=18).min() > 10_000 / 18 * 0.8


def data(streamed=False):
    pixels = torch.randint(0, 256, (20, 8, 8, 1), dtype=torch.uint8, generator=torch.manual_seed(0))
    how = Augmentation(1, True), (0.5,), (0.3,)
    images = StreamedImages(pixels, torch.device("cpu"), *how) if streamed else ViewedImages(pixels, *how)
    return Split(images, torch.from_numpy(LABELS))


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("kind", ["class", "previous"])
def test_the_loader_shows_them_in_views_of_their_own(kind, streamed):
    loader, plain = Loader(data(streamed), 8, 3, companions=kind), Loader(data(), 8, 3)
    others, views = companions_of(kind, 3, 2, LABELS, SIZES), companion_views(3, 2, 20, 18)
    for batch, same in zip(loader.epoch(2), plain.epoch(2), strict=True):
        images, labels, mixture = loader.take(batch)
        shown, their_labels, numbers = loader.companions(batch)
        assert torch.equal(images, plain.take(same)[0])
        assert mixture is None
        assert numbers.tolist() == others[batch.indices].tolist()
        assert their_labels.tolist() == LABELS[numbers].tolist()
        assert (kind == "previous") or torch.equal(their_labels, labels)
        right = data().images.take(numbers, torch.from_numpy(views[batch.indices]))
        assert torch.equal(shown, right)
    assert plain.companions(same) is None


def test_of_another_batch_nothing_is_shown():
    loader = Loader(data(), 8, 3, companions="class")
    batches = loader.epoch(0)
    first, _ = next(batches), next(batches)
    with pytest.raises(RuntimeError, match="is taken, and"):
        loader.companions(first)


def test_a_rank_has_those_of_its_own_part():
    parts = [Loader(data(), 8, 3, rank, 2, companions="class") for rank in range(2)]
    whole = Loader(data(), 8, 3, companions="class")
    for batch, *split in zip(whole.epoch(1), *(part.epoch(1) for part in parts), strict=True):
        shown = [part.companions(own) for part, own in zip(parts, split, strict=True)]
        right = whole.companions(batch)
        for ours, expected in zip(zip(*shown, strict=True), right, strict=True):
            assert torch.equal(torch.cat(ours), expected)
