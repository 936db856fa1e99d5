"""Who does what part of something, and that one process alone talks to nobody."""

import pytest
import torch
from torch import distributed, nn

from kd.runtime.ranks.group import ALONE, Ranks


@pytest.mark.parametrize("ranks", [1, 2, 3, 8])
@pytest.mark.parametrize("count", [0, 1, 5, 8, 17])
def test_parts_are_those_of_torch(ranks, count):
    expected = [part.tolist() for part in torch.arange(count).tensor_split(ranks)]
    assert [list(range(count))[Ranks(rank, ranks).part(count)] for rank in range(ranks)] == expected


def test_one_process_alone_is_all_ranks():
    rows, norm = torch.ones(3, 2), nn.BatchNorm1d(2)
    assert ALONE.first
    assert ALONE.gathered(rows, 3) is rows
    assert ALONE.highest(3, 0) == (3, 0)
    assert ALONE.of_first(0.5) == (0.5,)
    ALONE.wait()
    ALONE.same_buffers(norm)
    assert not distributed.is_initialized()
