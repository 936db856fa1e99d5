"""Sweeps: what a config may ask for, which trials come of it, and how the best of them is chosen."""

import csv
import json
import math

import pytest
from small_config import complaints, config

import select_trials
from kd.config.load import load_study
from kd.errors import UserError
from kd.plan.training import distill_job, trial_job
from kd.results.metrics import TrialMetrics
from kd.sweep.selection import best, rows_of
from kd.sweep.trials import Axis, drawn, grid, rungs, trial_name
from kd.sweep.values import named, with_values

LOG = {"low": 1, "high": 100, "log": True}


def sweep(name="tuned", **entry):
    return {"sweep": {name: {"method": "kd", **entry}}}


def study(**entry):
    return load_study(config(**sweep(**entry)))


def trials(**entry):
    return list(study(**entry).sweeps["tuned"].trials)


def test_a_grid_is_every_combination_the_last_key_fastest():
    assert trials(over={"temperature": {**LOG, "steps": 3}, "recipe.lr": [0.1, "5e-2"]}) == [
        {"temperature": 1.0, "recipe.lr": 0.1},
        {"temperature": 1.0, "recipe.lr": 0.05},
        {"temperature": 10.0, "recipe.lr": 0.1},
        {"temperature": 10.0, "recipe.lr": 0.05},
        {"temperature": 100.0, "recipe.lr": 0.1},
        {"temperature": 100.0, "recipe.lr": 0.05},
    ]


def test_a_range_of_a_whole_number_gives_whole_numbers_and_a_value_is_tried_once():
    sizes = trials(over={"recipe.batch_size": {"low": 2, "high": 4, "steps": 9}})
    assert [values["recipe.batch_size"] for values in sizes] == [2, 3, 4]
    assert trials(over={"temperature": [4, 4.0, "4"]}) == [{"temperature": 4.0}]


def test_fixed_options_stay_and_swept_ones_are_the_trials_own():
    swept_study = study(over={"temperature": [2, 3], "recipe.lr": [0.3]}, ce_weight=0.25)
    job = trial_job(swept_study, "vgg16", "cnn", "tuned", {"temperature": 2.0, "recipe.lr": 0.3}, 1)
    ((name, options),) = job.methods
    assert (name, options["temperature"], options["ce_weight"]) == ("kd", 2.0, 0.25)
    assert (job.role, job.recipe.lr, job.recipe.epochs, job.seed) == ("trial", 0.3, 20, 1)
    final = distill_job(swept_study, "vgg16", "cnn", "tuned", 1)
    assert (final.role, final.method_name) == ("distilled", "tuned")
    assert "temperature" not in final.methods[0][1]  # another value to choose from is no change of it
    assert with_values(final, {"temperature": 2.0, "recipe.lr": 0.3}).methods == job.methods
    assert swept_study.uses_targets("tuned", "vgg16")


def test_more_random_trials_leave_the_first_as_they_were_and_another_seed_draws_others():
    asked = {"over": {"temperature": LOG, "kd_weight": {"low": 0, "high": 1}}, "search": "random"}
    four, six = trials(trials=4, **asked), trials(trials=6, **asked)
    assert six[:4] == four
    assert len(six) == 6
    assert not [values for values in trials(trials=6, search_seed=1, **asked) if values in six]


def test_a_key_more_leaves_the_other_keys_of_random_trials_as_they_were():
    axes = [Axis("a", low=0, high=1), Axis("b", low=0, high=1)]
    assert [values["a"] for values in drawn(axes, 5, 0)] == [values["a"] for values in drawn(axes[:1], 5, 0)]


def test_random_values_fill_their_range_evenly_also_over_orders_of_magnitude():
    axes = [Axis("log", low=1, high=1e4, log=True), Axis("word", listed=("a", "b"))]
    values = list(drawn(axes, 4000, 7))
    assert all(1 <= value["log"] <= 1e4 for value in values)
    # a quarter in each of the four decades, within five standard deviations of √(4000 · ¼ · ¾) = 27.4
    for decade in range(4):
        count = sum(decade <= math.log10(value["log"]) < decade + 1 for value in values)
        assert abs(count - 1000) < 137
    assert abs(sum(value["word"] == "a" for value in values) - 2000) < 158


def test_names_are_what_they_were_in_the_first_version():
    """Finished trials are found by them: SHA-256 of the JSON, by hand with sha256sum."""
    assert trial_name({"temperature": 4.0, "recipe.lr": 0.1}, 20) == "797cdc13ecda1ffd"
    assert trial_name({"recipe.lr": 0.1, "temperature": 4.0}, 20) == "797cdc13ecda1ffd"
    assert trial_name({"temperature": 4.0, "recipe.lr": 0.1}, 21) != "797cdc13ecda1ffd"
    assert next(drawn([Axis("temperature", low=1, high=20, log=True)], 1, 0)) == {"temperature": 1.41723}


def test_a_grid_takes_both_bounds():
    assert [values["x"] for values in grid([Axis("x", low=0.1, high=0.7, steps=4)])] == [0.1, 0.3, 0.5, 0.7]


@pytest.mark.parametrize(
    ("entry", "line"),
    [
        (
            {"over": {"temperatur": [1]}},
            "over.temperatur: unknown key; did you mean 'temperature'?; allowed: ",
        ),
        ({"over": {"temperature": [4, 0]}}, "over.temperature: should be greater than 0 (it is 0)"),
        ({"over": {"recipe.lrr": [1]}}, "over.recipe.lrr: unknown key; did you mean 'lr'?; allowed: "),
        ({"over": {"recipe.lr": ["fast"]}}, "over.recipe.lr: should be a valid number"),
        ({"over": {"recipe.epochs": [1]}}, "over.recipe.epochs: stored targets depend on the length"),
        ({"over": {"ce_weight": [0], "kd_weight": [0]}}, "over: ce_weight and kd_weight are both 0"),
        ({"over": {"temperature": []}}, "over.temperature: needs at least one entry (it is [])"),
        ({"over": {}}, "over: needs at least one entry"),
        ({}, "over: this key is required"),
        ({"over": {"temperature": {"low": 1}}}, "over.temperature.high: this key is required"),
        (
            {"over": {"temperature": {**LOG, "step": 2}}},
            "over.temperature.step: unknown key; did you mean 'steps'?",
        ),
        ({"over": {"temperature": {"low": 2, "high": 1}}}, "over.temperature: low must be below high (1)"),
        ({"over": {"temperature": {**LOG, "low": 0}}}, "over.temperature: log needs a low above 0"),
        ({"over": {"temperature": LOG}}, "over.temperature.steps: this key is required by search: grid"),
        (
            {"over": {"temperature": LOG}, "search": "random"},
            "trials: this key is required by search: random",
        ),
        ({"over": {"temperature": [1]}, "trials": 4}, "trials: goes with search: random"),
        (
            {"over": {"temperature": [1]}, "search": "best"},
            "search: should be 'grid', 'random' or 'halving' (it is 'best')",
        ),
        (
            {"over": {"temperature": [1]}, "temperature": 3},
            "temperature: is swept by over; leave it out here",
        ),
        ({"over": {"temperature": [1]}, "seeds": [1, 1]}, "seeds: each may be there once"),
        ({"over": {"temperature": [1]}, "generations": 2}, "generations: unknown key; allowed: "),
        (
            {"over": {key: {"low": 1, "high": 2, "steps": 1000} for key in ("temperature", "kd_weight")}},
            "over: these are 1000000 combinations; at most 10000 are tried",
        ),
    ],
)
def test_a_mistake_names_its_key(entry, line):
    (complaint,) = complaints(**sweep(**entry))
    assert complaint.startswith(f"sweep.tuned.{line}")


def test_a_name_is_there_once_and_a_method_is_one_of_the_code():
    over = {"over": {"temperature": [1]}}
    (line,) = complaints(sweep={"kd": over})
    assert line.startswith("sweep.kd: this name is in methods already")
    (line,) = complaints(sweep={"kdd": over})
    assert line.startswith("sweep.kdd: there is no method 'kdd'; did you mean 'kd'?")


def run(accuracy, loss=1.0):
    """The metrics of a trial."""
    about = {"role": "trial", "name": "s", "architecture": "cnn", "teacher": "t", "method": "kd", "seed": 0}
    about |= {"epochs": 5, "loss_function": "CE"}
    return TrialMetrics(**about, validation_accuracy=accuracy, validation_loss=loss)


def test_the_best_has_the_highest_mean_over_seeds():
    rows = rows_of([{"t": 1}, {"t": 2}], [0, 1], [run(90), run(50), run(71), run(73)], 2, 5)
    assert [row["validation_accuracy"] for row in rows] == [70, 72]
    assert [row["validation_accuracy_std"] for row in rows] == pytest.approx([math.sqrt(800), math.sqrt(2)])
    assert best(rows, 1) == [1]


def test_ties_go_to_the_lower_loss_and_then_to_the_first():
    def ranked(*runs):
        values = [{"t": place} for place in range(len(runs))]
        return best(rows_of(values, range(len(runs)), runs, 1, 5), len(runs))

    assert ranked(run(70, 2.0), run(70, 1.5), run(69, 0.1)) == [1, 0, 2]
    assert ranked(run(70, 1.5), run(70, 1.5)) == [0, 1]


def test_a_trial_that_diverged_with_a_seed_is_not_chosen():
    gone = run(None, None)
    rows = rows_of([{"t": 1}, {"t": 2}], [0, 1], [run(99), gone, run(10), run(11)], 2, 5)
    assert [row["validation_accuracy"] for row in rows] == [None, 10.5]
    assert best(rows, 2) == [1]
    with pytest.raises(UserError, match="each has diverged"):
        best(rows[:1], 1)


def written(folder, runs):
    files = [folder / f"{place}.json" for place in range(len(runs))]
    for file, content in zip(files, runs, strict=True):
        file.write_text(content.model_dump_json(exclude_unset=True))
    return files


def table_of(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def test_the_script_writes_the_values_alone_and_a_table_of_all(tmp_path):
    files = written(tmp_path, [run(60), run(62), run(80), run(80)])
    values = [{"temperature": 1.0, "recipe.nesterov": True}, {"temperature": 2.0, "recipe.nesterov": False}]
    select_trials.main(values, 2, 20, 1, files, tmp_path / "chosen.json", tmp_path / "trials.csv")
    assert json.loads((tmp_path / "chosen.json").read_text()) == values[1]
    first, second = table_of(tmp_path / "trials.csv")
    assert (first["temperature"], first["seeds"], first["chosen"]) == ("1.0", "2", "0")
    assert (second["temperature"], second["validation_accuracy"], second["chosen"]) == ("2.0", "80.0", "1")
    assert float(first["validation_accuracy"]) == 61


def test_the_script_lets_the_best_of_a_rung_go_on_and_chooses_from_the_last(tmp_path):
    values = [{"t": place} for place in range(4)]
    rung = tmp_path / "rung.json"
    select_trials.main(values, 1, 5, 2, written(tmp_path, [run(60), run(50), run(40), run(61)]), rung=rung)
    assert json.loads(rung.read_text())["go_on"] == [0, 3]
    chosen, trials = tmp_path / "chosen.json", tmp_path / "trials.csv"
    select_trials.main(values, 1, 15, 1, written(tmp_path, [run(59), run(58)]), chosen, trials, before=[rung])
    assert json.loads(chosen.read_text()) == {"t": 0}
    rows = [(row["t"], row["epochs"], row["chosen"]) for row in table_of(trials)]
    assert rows == [
        ("0", "5", "0"),
        ("1", "5", "0"),
        ("2", "5", "0"),
        ("3", "5", "0"),
        ("0", "15", "1"),
        ("3", "15", "0"),
    ]


@pytest.mark.parametrize(
    ("trials", "epochs", "expected"),
    [
        (1, 60, [(1, 60)]),
        (2, 60, [(2, 60)]),
        (3, 60, [(3, 20), (1, 60)]),
        (10, 60, [(10, 7), (4, 20), (2, 60)]),
        (27, 54, [(27, 2), (9, 6), (3, 18), (1, 54)]),
        (9, 2, [(9, 1), (3, 1), (1, 2)]),
    ],
)
def test_a_third_of_the_trials_goes_on_for_three_times_as_many_epochs(trials, epochs, expected):
    assert rungs(trials, epochs) == expected


def test_more_halved_trials_have_lengths_that_were_there_before():
    assert {epochs for _, epochs in rungs(26, 54)} < {epochs for _, epochs in rungs(27, 54)}


def test_halving_needs_a_schedule_that_shrinks():
    recipe = {"epochs": 20, "schedule": "multi_step", "milestones": [10]}
    entry = {"search": "halving", "trials": 3, "over": {"temperature": LOG}}
    (line,) = complaints(recipe=recipe, **sweep(**entry))
    assert line.startswith("sweep.tuned.search: halving begins with few epochs")


def test_halving_needs_a_recipe_without_warm_up():
    entry = {"search": "halving", "trials": 3, "over": {"temperature": LOG}}
    (line,) = complaints(recipe={"warmup_epochs": 2}, **sweep(**entry))
    assert line.startswith("sweep.tuned.search: halving begins with few epochs, and warm-up")


def test_an_optimizer_is_not_swept():
    (line,) = complaints(**sweep(over={"recipe.optimizer": ["sgd", "adamw"]}))
    assert line.startswith("sweep.tuned.over.recipe.optimizer: other keys have other values with another")


def test_newer_keys_of_a_recipe_are_swept_also_over_their_defaults():
    values = list(study(over={"recipe.label_smoothing": [0, 0.1]}).sweeps["tuned"].trials)
    assert values == [{"recipe.label_smoothing": 0.0}, {"recipe.label_smoothing": 0.1}]


def test_values_read_well():
    assert named({"temperature": 4.0, "recipe.nesterov": True}) == "temperature=4, recipe.nesterov=True"


def test_a_sweep_needs_a_validation_split():
    (line,) = complaints(dataset={"name": "digits", "validation": 0}, **sweep(over={"temperature": [2, 4]}))
    assert line == (
        "sweep.tuned: a sweep selects values on the validation split, and dataset.validation: 0 leaves none; set"
        " dataset.validation above 0, or leave the sweep out"
    )
    assert load_study(config(dataset={"name": "digits", "validation": 0})).dataset.validation == 0
