"""Two real processes train a network as one does with the same batches; and what each rank does of it."""

import json
from functools import partial

import numpy as np
import pytest
from small_training import split
from trained_together import TRAININGS, assert_alike, courses, every_method

from kd.data.loader import Loader
from kd.data.sampler import order_seen, step_seed
from kd.errors import UserError
from kd.registry import find_method, method_names
from kd.runtime.ranks.run import run_on_devices
from kd.settings.compute import Compute
from kd.training.setup import check_batch

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.mark.full
def test_two_processes_have_the_losses_of_one(tmp_path):
    run_on_devices(Compute(device="cpu", gpus_per_job=2), partial(courses, str(tmp_path), list(TRAININGS)))
    for name in TRAININGS:
        assert_alike(tmp_path, name)


@pytest.mark.full
def test_so_do_three_whose_parts_are_unequal(tmp_path):
    run_on_devices(Compute(device="cpu", gpus_per_job=3), partial(courses, str(tmp_path), ["kd"]))
    assert_alike(tmp_path, "kd")


@pytest.mark.parametrize(
    ("batch_size", "ranks", "sizes"),
    [
        (8, 1, [[8], [8], [8], [3]]),
        (8, 2, [[4, 4], [4, 4], [6, 5]]),  # 3 would leave one alone
        (9, 2, [[5, 4], [5, 4], [5, 4]]),
        (13, 3, [[5, 4, 4], [5, 5, 4]]),
    ],
)
def test_ranks_take_parts_of_the_same_batches(batch_size, ranks, sizes):
    loaders = [Loader(split(27), batch_size, 5, rank, ranks) for rank in range(ranks)]
    steps = list(zip(*(loader.epoch(1) for loader in loaders), strict=True))
    assert [[len(samples.indices) for samples in step] for step in steps] == sizes
    assert {loader.steps for loader in loaders} == {len(sizes)}
    order = np.concatenate([samples.indices for step in steps for samples in step])
    assert order.tolist() == order_seen(5, 1, 27).tolist()
    for step in steps:
        whole = sum(len(samples.indices) for samples in step)
        assert [samples.weight for samples in step] == [ranks * len(s.indices) / whole for s in step]
        assert len({samples.first for samples in step}) == 1


def test_what_is_drawn_in_a_step_depends_on_its_place_and_the_rank():
    seeds = {
        step_seed(seed, epoch, first, rank)
        for seed in range(3)
        for epoch in range(3)
        for first in (0, 8)
        for rank in range(3)
    }
    assert len(seeds) == 54


def test_a_batch_has_two_images_for_each_rank():
    check_batch(8, 60, 4)
    with pytest.raises(
        UserError, match=r"batch_size: 7 is too small for compute\.gpus_per_job: 4; at least 8"
    ):
        check_batch(7, 60, 4)


@pytest.mark.full
def test_every_method_can_and_all_ranks_end_alike(tmp_path):
    names = [name for name in method_names() if not find_method(name).constants.get("REMEMBERS_SAMPLES")]
    run_on_devices(Compute(device="cpu", gpus_per_job=2), partial(every_method, str(tmp_path), names))
    told = json.loads((tmp_path / "methods.json").read_text())
    assert told == {name: [True, True] for name in names}
