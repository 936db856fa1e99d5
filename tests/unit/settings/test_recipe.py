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
        {"optimizer": "adam"},
        {"betas": [0.9, 0.95]},
        {"eps": 1e-6},
        {"optimizer": "adamw", "betas": [0.9, 1.0]},
        {"optimizer": "adamw", "betas": [0.9]},
        {"optimizer": "adamw", "momentum": 0.8},
        {"optimizer": "adamw", "nesterov": True},
        {"optimizer": "muon", "momentum": 0},
        {"peak": 0.5},
        {"schedule": "one_cycle", "peak": 1},
        {"schedule": "one_cycle", "warmup_epochs": 1},
        {"warmup_epochs": 200},
        {"warmup_epochs": 0.5},
        {"schedule": "multi_step", "milestones": [4], "warmup_epochs": 5},
        {"grad_clip": 0},
        {"label_smoothing": 1},
        {"class_weights": "inverse"},
        {"ema": 1},
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


@pytest.mark.parametrize(
    ("keys", "line"),
    [
        ({"betas": [0.9, 0.95]}, "betas go with optimizer: adamw or muon, not with sgd"),
        (
            {"optimizer": "adamw", "momentum": 0.8},
            "momentum goes with optimizer: sgd or muon, not with adamw",
        ),
        ({"peak": 0.5}, "peak goes with schedule: one_cycle, not with cosine"),
        ({"warmup_epochs": 0.5}, "warmup_epochs: 0.5 is no whole number, and needs schedule_by: step"),
        ({"epochs": 3, "warmup_epochs": 3}, "warmup_epochs should be less than epochs (3), not 3"),
    ],
)
def test_keys_that_do_not_go_together_are_named(keys, line):
    with pytest.raises(ValidationError) as raised:
        Recipe.model_validate(keys)
    assert [error["msg"] for error in raised.value.errors()] == [f"Value error, {line}"]


def test_each_optimizer_has_defaults_which_count_as_not_set():
    adamw, muon = Recipe(optimizer="adamw"), Recipe(optimizer="muon", lr=0.02)
    assert (adamw.lr, adamw.weight_decay, adamw.weight_decay_on) == (0.001, 0.05, "weights")
    assert (muon.lr, muon.momentum, muon.nesterov, muon.betas) == (0.02, 0.95, True, (0.9, 0.999))
    assert adamw.model_fields_set == {"optimizer"}
    assert Recipe(optimizer="adamw", weight_decay=0).weight_decay == 0


def test_the_text_of_a_job_that_uses_no_newer_key_is_as_before():
    """Else a finished run would be run again."""
    assert Recipe().kept() == {
        **{
            "epochs": 200,
            "batch_size": 128,
            "lr": 0.1,
            "momentum": 0.9,
            "weight_decay": 5e-4,
            "nesterov": False,
        },
        **{"schedule": "cosine", "milestones": [], "gamma": 0.1},
    }


@pytest.mark.parametrize(
    "keys",
    [
        {},
        {"optimizer": "adamw", "betas": [0.9, 0.95], "ema": 0.99},
        {"optimizer": "muon", "weight_decay_on": "all", "nesterov": False, "warmup_epochs": 3},
        {"schedule": "one_cycle", "peak": 0.2, "schedule_by": "step", "lr_scaling": "linear"},
    ],
)
def test_what_is_kept_or_written_out_is_the_same_recipe(keys):
    recipe = Recipe.model_validate(keys)
    assert Recipe.model_validate(recipe.kept()) == recipe
    assert Recipe.model_validate(recipe.applicable()) == recipe


def test_newer_keys_in_the_line_of_the_log():
    recipe = Recipe(
        **{"optimizer": "muon", "epochs": 30, "batch_size": 512, "lr_scaling": "linear", "warmup_epochs": 2},
        **{
            "schedule_by": "step",
            "grad_clip": 1,
            "label_smoothing": 0.1,
            "class_weights": "balanced",
            "ema": 0.99,
        },
    )
    assert recipe.describe() == (
        "30 epochs, batches of 512, Muon with lr 0.002 (0.001 · 512 / 256, cosine by step after warm-up"
        " for 2), Nesterov momentum 0.95, betas 0.9 and 0.999, weight decay 0.05 of weights, gradients clipped"
        " at 1, labels smoothed by 0.1, balanced class weights, EMA 0.99"
    )
    cycle = Recipe(optimizer="adamw", schedule="one_cycle", weight_decay_on="all").describe()
    assert (
        "AdamW with lr 0.001 (one_cycle with its peak at 0.3), betas 0.9 and 0.999, weight decay 0.05"
        in cycle
    )
