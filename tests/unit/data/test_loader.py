"""The batches of a training: every sample once, in the order and the views of its epoch, and none out of turn."""

from itertools import accumulate

import pytest
import torch
from small_training import split

from kd.data.loader import Loader
from kd.data.sampler import order_seen, views_seen


@pytest.mark.parametrize(
    ("samples", "sizes"), [(16, [8, 8]), (17, [8, 9]), (20, [8, 8, 4]), (5, [5]), (9, [9]), (2, [2])]
)
def test_batches_hold_every_sample_once_and_never_one_alone(samples, sizes):
    batches = list(Loader(split(samples), 8, seed=3).epoch(4))
    assert [batch.first for batch in batches] == [0, *accumulate(sizes)][:-1]
    assert [len(batch.indices) for batch in batches] == sizes
    assert sorted(torch.cat([batch.indices for batch in batches]).tolist()) == list(range(samples))


def test_order_and_views_are_those_of_seed_and_epoch():
    data = split(20)
    loader = Loader(data, 8, seed=3)
    for epoch in (0, 7):
        views, order = views_seen(3, epoch, 20, 18), torch.from_numpy(order_seen(3, epoch, 20))
        for batch in loader.epoch(epoch):
            indices = order[batch.first : batch.first + 8]
            images, labels, mixture = loader.take(batch)
            assert mixture is None
            assert torch.equal(images, data.images.take(indices, torch.from_numpy(views)[indices]))
            assert torch.equal(labels, data.labels[indices])
        assert loader.rows.tolist() == views.tolist()


def test_an_epoch_goes_on_after_what_is_done():
    loader = Loader(split(20), 8, seed=3)
    whole = [batch.indices.tolist() for batch in loader.epoch(1)]
    rest = list(loader.epoch(1, done=8))
    assert [batch.first for batch in rest] == [8, 16]
    assert [batch.indices.tolist() for batch in rest] == whole[1:]


def test_only_the_batch_at_hand_can_be_taken():
    """The images of another one, where they are streamed, and the views of another epoch are gone."""
    loader = Loader(split(20), 8, seed=3)
    first, second, _ = loader.epoch(0)
    for batch in (first, second):
        with pytest.raises(RuntimeError, match="at hand"):
            loader.take(batch)
    last = list(loader.epoch(0))[-1]
    loader.take(last)
    loader.epoch(1)
    with pytest.raises(RuntimeError, match="at hand"):
        loader.take(last)
