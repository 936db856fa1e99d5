"""Learning rates by hand."""

import pytest
from pydantic import ValidationError

from kd.settings.optimizers import FINE_TUNING
from kd.settings.recipe import Recipe


def test_cosine_starts_at_lr_passes_half_of_it_and_nears_zero():
    recipe = Recipe(epochs=200, lr=0.1)
    assert recipe.lr_at(0) == 0.1
    assert recipe.lr_at(100) == pytest.approx(0.05)
    assert recipe.lr_at(50) == pytest.approx(0.1 * 0.5 * (1 + 2**-0.5))
    assert 0 < recipe.lr_at(199) < 1e-5


def test_multi_step_falls_after_each_milestone():
    recipe = Recipe(epochs=240, lr=0.05, schedule="multi_step", milestones=(150, 180, 210))
    assert [recipe.lr_at(epoch) for epoch in (0, 149, 150, 179, 180, 239)] == pytest.approx(
        [0.05, 0.05, 0.005, 0.005, 0.0005, 0.00005]
    )


def test_constant_stays():
    assert {Recipe(epochs=9, schedule="constant").lr_at(epoch) for epoch in range(9)} == {0.1}


def test_defaults_are_the_usual_recipe():
    recipe = Recipe()
    assert (recipe.lr, recipe.momentum, recipe.weight_decay, recipe.batch_size) == (0.1, 0.9, 5e-4, 128)


@pytest.mark.parametrize(
    "wrong",
    [
        {"epochs": 0},
        {"epochs": True},
        {"epochs": 1.5},
        {"batch_size": 1},
        {"lr": 0},
        {"lr": float("inf")},
        {"lr": float("nan")},
        {"momentum": 1},
        {"weight_decay": -1e-4},
        {"schedule": "step"},
        {"schedule": "multi_step"},
        {"schedule": "multi_step", "milestones": [200]},
        {"schedule": "multi_step", "milestones": [20, 10]},
        {"schedule": "multi_step", "milestones": [10, 10]},
        {"milestones": [10]},
        {"nesterov": True, "momentum": 0},
        {"epoch": 3},
    ],
)
def test_what_is_not_allowed(wrong):
    with pytest.raises(ValidationError):
        Recipe.model_validate(wrong)


def test_a_recipe_in_one_line_of_the_log():
    recipe = Recipe(schedule="step", milestones=[30, 60], lr=0.05)
    assert recipe.describe() == (
        "200 epochs, batches of 128, SGD with lr 0.05 (multi_step at 30, 60), momentum 0.9, weight decay 0.0005"
    )
    assert Recipe(**FINE_TUNING).describe() == (
        "30 epochs, batches of 32, SGD with lr 0.01 (cosine), momentum 0.9, weight decay 0.0001"
    )
