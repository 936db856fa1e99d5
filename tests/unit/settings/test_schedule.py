"""Learning rates beside those of torch.optim.lr_scheduler, and by hand."""

import pytest
import torch
from torch.optim import lr_scheduler as torchs

from kd.settings.recipe import Recipe


def rates_of_torch(scheduler, count, lr=0.4):
    """The learning rates of `count` updates by a scheduler that `scheduler` makes for an optimizer."""
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr)
    by = scheduler(optimizer)
    rates = []
    for _ in range(count):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        by.step()
    return rates


def after(warmup, scheduler):
    """A scheduler after a linear warm-up from 1/W in the first unit to 1 in the last one."""

    def both(optimizer):
        rise = torchs.LinearLR(optimizer, 1 / warmup, total_iters=warmup - 1)
        return torchs.SequentialLR(optimizer, [rise, scheduler(optimizer)], [warmup])

    return both


def cosine(optimizer):
    return torchs.CosineAnnealingLR(optimizer, 7)


def falling(optimizer):
    return torchs.LinearLR(optimizer, 1.0, 0.0, total_iters=7)


def steady(optimizer):
    return torchs.ConstantLR(optimizer, 1.0)


SCHEDULES = [
    ({"schedule": "cosine"}, cosine),
    ({"schedule": "linear"}, falling),
    ({"schedule": "constant"}, steady),
]


@pytest.mark.parametrize(("keys", "scheduler"), SCHEDULES)
def test_as_torch_without_warm_up(keys, scheduler):
    recipe = Recipe(epochs=7, lr=0.4, **keys)
    ours = [recipe.lr_at(epoch) for epoch in range(7)]
    assert ours == pytest.approx(rates_of_torch(scheduler, 7), abs=1e-9)


@pytest.mark.parametrize(("keys", "scheduler"), SCHEDULES)
def test_as_torch_after_warm_up(keys, scheduler):
    recipe = Recipe(epochs=10, lr=0.4, warmup_epochs=3, **keys)
    ours = [recipe.lr_at(epoch) for epoch in range(10)]
    assert ours == pytest.approx(rates_of_torch(after(3, scheduler), 10), abs=1e-9)


def test_multi_step_counts_the_epochs_of_warm_up():
    recipe = Recipe(epochs=10, lr=0.4, warmup_epochs=2, schedule="multi_step", milestones=(4, 8), gamma=0.5)
    ours = [recipe.lr_at(epoch) for epoch in range(10)]
    theirs = rates_of_torch(lambda optimizer: torchs.MultiStepLR(optimizer, [4, 8], 0.5), 10)
    assert ours == pytest.approx([0.2, *theirs[1:]], abs=1e-9)


@pytest.mark.parametrize("name", ["one_cycle", "triangular"])
def test_one_cycle_rises_and_falls_in_straight_lines(name):
    """Warm-up of 0.3 · 10 epochs, then 7 to fall."""
    recipe = Recipe(epochs=10, lr=0.4, schedule=name)
    ours = [recipe.lr_at(epoch) for epoch in range(10)]
    assert ours == pytest.approx(rates_of_torch(after(3, falling), 10), abs=1e-9)


def test_one_cycle_rises_as_that_of_torch_does():
    """Which begins at lr / div_factor and is at lr after 0.4 · 20 steps; what follows is another line."""
    options = {"pct_start": 0.4, "anneal_strategy": "linear", "div_factor": 8, "cycle_momentum": False}
    theirs = rates_of_torch(lambda optimizer: torchs.OneCycleLR(optimizer, 0.4, 20, **options), 8)
    recipe = Recipe(epochs=4, lr=0.4, schedule="one_cycle", peak=0.4, schedule_by="step")
    ours = [recipe.lr_at(step // 5, step % 5, 5) for step in range(8)]
    assert ours == pytest.approx(theirs, abs=1e-9)


def test_by_step_a_schedule_is_that_of_as_many_short_epochs():
    by_step = Recipe(epochs=5, lr=0.4, warmup_epochs=1.5, schedule_by="step")
    ours = [by_step.lr_at(epoch, step, 2) for epoch in range(5) for step in range(2)]
    assert ours == pytest.approx(rates_of_torch(after(3, cosine), 10), abs=1e-9)
    falls = Recipe(epochs=3, lr=0.4, schedule="multi_step", milestones=(2,), schedule_by="step")
    assert [falls.lr_at(1, 3, 4), falls.lr_at(2, 0, 4)] == pytest.approx([0.4, 0.04])


def test_by_epoch_all_steps_have_one_rate():
    recipe = Recipe(epochs=5, warmup_epochs=2)
    assert len({recipe.lr_at(1, step, 9) for step in range(9)}) == 1


def test_a_warm_up_of_a_fraction_of_a_step_is_none():
    recipe = Recipe(epochs=2, lr=0.4, warmup_epochs=0.1, schedule="constant", schedule_by="step")
    assert [recipe.lr_at(0, step, 5) for step in range(3)] == [0.4] * 3


def test_a_rate_that_is_for_256_images():
    """Goyal et al. 2017: k times as many images, k times the rate."""
    recipe = Recipe(epochs=2, lr=0.1, batch_size=64, lr_scaling="linear")
    assert recipe.lr_at(0) == pytest.approx(0.025)
    assert Recipe(epochs=2, lr=0.1, batch_size=1024, lr_scaling="linear").lr_at(0) == pytest.approx(0.4)
