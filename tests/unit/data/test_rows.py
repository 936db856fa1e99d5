"""What a run shows as a function of (row, sample), and how many rows there are."""

import numpy as np
import pytest
import torch

from kd.data.augmentation import ENDLESS, Augmentation
from kd.data.crops import ResizedCrops
from kd.data.rows import Rows, Shown
from kd.data.sampler import views_seen

N = 50
PADDED, RESIZED = Augmentation(1, True), Augmentation(0, True, (0.3, 1.0))
VERSIONS = Augmentation(0, True, (0.3, 1.0), views=4)


def test_of_padded_crops_a_row_is_the_number_of_a_view():
    rows = Rows(PADDED, 3, N)
    assert rows.count(2) == 18
    assert rows.of_epoch(7).tolist() == views_seen(3, 7, N, 18).tolist()
    assert rows.shown_in(7).views.tolist() == views_seen(3, 7, N, 18).tolist()


def test_of_endless_views_a_row_is_an_epoch_of_one_seed():
    rows = Rows(RESIZED, 3, N)
    assert rows.count(9) == 9
    assert set(rows.of_epoch(7)) == {7}
    assert rows.shown_in(7).views.tolist() == views_seen(3, 7, N, ENDLESS).tolist()
    assert rows.needed(9).all()


def test_versions_are_shared_by_all_seeds_and_shown_in_turn():
    """4 versions: each once in any 4 epochs, begun by another one for each seed and sample."""
    one, other = Rows(VERSIONS, 3, N), Rows(VERSIONS, 4, N)
    assert one.count(1) == one.count(300) == 4
    seen = np.stack([one.of_epoch(epoch) for epoch in range(5, 9)])
    assert (np.sort(seen, axis=0) == np.arange(4)[:, None]).all()
    assert set(one.of_epoch(0)) == {0, 1, 2, 3}
    assert (one.of_epoch(0) != other.of_epoch(0)).any()
    everything = np.repeat(np.arange(4), N), np.tile(np.arange(N), 4)
    assert torch.equal(one.shown(*everything).views, other.shown(*everything).views)
    assert len(set(one.shown(*everything).views.tolist())) == 4 * N  # of 2**61 none twice
    assert one.needed(2).sum() == 2 * N


def test_versions_of_padded_crops_are_some_of_their_views():
    rows = Rows(Augmentation(1, True, views=4), 3, N)
    views = rows.shown_in(0).views
    assert 0 <= views.min() <= views.max() < 18
    assert len(set(views.tolist())) > 9


@pytest.mark.parametrize("how", [PADDED, RESIZED, VERSIONS])
def test_a_sample_is_shown_alike_whatever_it_is_asked_with(how):
    rows, some = Rows(how, 3, N), np.array([7, 49, 0, 7])
    whole = rows.shown_in(5)
    assert torch.equal(rows.shown(rows.of_epoch(5)[some], some).views, whole[torch.from_numpy(some)].views)


def test_one_view_for_all():
    assert Shown.of(3, torch.arange(4)).views.tolist() == [3] * 4


def mirrored(how, seed, epoch):
    """Whether each sample is mirrored there."""
    views = Rows(how, seed, N).shown_in(epoch).views
    if how.endless:
        return ResizedCrops(how.area, flip=True).boxes(views)[1]
    return views >= (2 * how.pad + 1) ** 2


@pytest.mark.parametrize("views", [0, 4])
@pytest.mark.parametrize("crops", [(2, None), (0, (0.3, 1.0))])
def test_alternating_each_image_is_mirrored_in_every_other_epoch(crops, views):
    pad, area = crops
    how = Augmentation(pad, "alternate", area, views=views)
    for seed in (0, 7):
        first, second, third = (mirrored(how, seed, epoch) for epoch in (4, 5, 6))
        assert torch.equal(first, ~second)
        assert torch.equal(first, third)
        assert 10 < first.sum() < 40, "which of the two comes first is drawn for each image"
    by_chance = Augmentation(pad, True, area, views=views)
    assert not torch.equal(mirrored(by_chance, 0, 4), ~mirrored(by_chance, 0, 5))


def test_alternating_changes_nothing_but_the_mirroring():
    alternate, by_chance = (
        Rows(Augmentation(2, flip), 3, N).shown_in(5).views for flip in ("alternate", True)
    )
    assert torch.equal(alternate % 25, by_chance % 25)
    assert len(set((alternate % 25).tolist())) > 15
