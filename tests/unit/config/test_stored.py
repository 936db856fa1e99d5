"""The key `targets:`: its word and its options, what may not be asked for, and when it repays to store logits."""

import pytest
from small_config import complaints, config

from kd.config.kept.resolved import resolved
from kd.config.load import load_study
from kd.config.study.storing import Storing
from kd.config.study.warnings import warnings
from kd.plan.teachers import targets_job

RESIZED = {"name": "digits", "crop_area": [0.5, 1]}
THREE = {"kd": {}, "dkd": {}, "dist": {}}


@pytest.mark.parametrize(
    ("written", "meant", "kept"),
    [
        ("auto", Storing("auto"), "auto"),
        ("live", Storing("live"), "live"),
        ({"store": "cached"}, Storing("cached"), "cached"),
        ({"top_k": 3}, Storing("auto", 3), {"store": "auto", "top_k": 3}),
        ({"store": "cached", "top_k": "5"}, Storing("cached", 5), {"store": "cached", "top_k": 5}),
        ({}, Storing(), "auto"),
    ],
)
def test_a_word_stands_for_what_is_stored(written, meant, kept):
    study = load_study(config(targets=written))
    assert study.targets == meant
    assert resolved(study, config(targets=written))["targets"] == kept
    assert targets_job(study, 3, 4).top_k == meant.top_k


def test_left_out_it_is_auto():
    whole = config()
    whole.pop("targets", None)
    assert load_study(whole).targets == Storing("auto")


@pytest.mark.parametrize(
    ("targets", "line"),
    [
        ("cache", "targets: should be 'auto', 'cached' or 'live' (it is 'cache')"),
        (None, "targets: should be 'auto', 'cached' or 'live' (it is None)"),
        ({"store": "cache"}, "targets.store: should be 'auto', 'cached' or 'live' (it is 'cache')"),
        ({"top_k": 0}, "targets.top_k: should be greater than or equal to 1 (it is 0)"),
        ({"topk": 3}, "targets.topk: unknown key; did you mean 'top_k'?; allowed: store, top_k"),
        (
            {"top_k": 10},
            "targets.top_k: should be below the 10 classes of digits (it is 10); left out: all",
        ),
        (
            {"top_k": 3, "store": "live"},
            "targets.top_k: says what is stored, and with 'live' nothing is; leave it out",
        ),
    ],
)
def test_a_mistake_names_its_key(targets, line):
    (text,) = complaints(targets=targets)
    assert text.startswith(line)


def test_methods_that_need_more_than_logits_cannot_be_cached():
    (text,) = complaints(methods={"at": {}}, targets={"store": "cached"})
    assert text.startswith("targets.store: 'cached' stores logits only, but at needs more")


@pytest.mark.parametrize(
    "changes",
    [
        {"methods": {"kd": {"standardize": True}}},
        {
            "methods": {"label_smoothing": {}},
            "sweep": {"kd": {"over": {"ce_weight": [0, 1]}, "standardize": True}},
        },
        {"methods": {"label_smoothing": {}}, "sweep": {"kd": {"over": {"standardize": [False, True]}}}},
    ],
)
def test_standardized_logits_take_all(changes):
    (text,) = complaints(**changes, targets={"top_k": 3})
    assert text == "targets.top_k: kd standardizes logits, which takes all of them; leave one of both out"


def stores(**changes):
    study = load_study(config(dataset=RESIZED, **changes))
    return study.stores("vgg16"), [line for line in warnings(study) if line.startswith("teachers.vgg16")]


def test_where_views_are_numbered_logits_are_stored_also_for_one_student():
    study = load_study(config(seeds=[0], methods={"kd": {}}))
    assert study.uses_targets("kd", "vgg16")
    assert not warnings(study)


def test_by_visit_one_run_of_each_seed_has_nothing_to_gain():
    stored, (line,) = stores(methods={"kd": {}}, seeds=[0, 1])
    assert not stored
    assert line == (
        "teachers.vgg16: runs live, because 2 runs take 40 epochs of its forward passes with stored logits, and"
        " 40 live"
    )


def test_by_visit_several_methods_of_a_seed_share_what_is_stored():
    """20 epochs: of 2 seeds stored once each, or live for 2 seeds and 3 methods."""
    stored, (line,) = stores(methods=THREE | {"at": {}, "label_smoothing": {}}, seeds=[0, 1])
    assert stored
    assert line == (
        "teachers.vgg16: logits are stored, because 6 runs take 40 epochs of its forward passes with stored"
        " logits, and 120 live"
    )


def test_by_visit_students_of_different_length_share_the_longest():
    students = {"cnn": {"width": 0.125}, "long": {"architecture": "cnn", "channels": [4], "epochs": 30}}
    stored, (line,) = stores(students=students, methods={"kd": {}}, seeds=[0], pairs="all")
    assert stored
    assert "2 runs take 30 epochs of its forward passes with stored logits, and 50 live" in line


def test_by_visit_the_trials_of_a_sweep_share_it_too():
    sweep = {"tuned": {"method": "kd", "over": {"temperature": [2, 3, 4]}}}
    stored, (line,) = stores(sweep=sweep, methods={"label_smoothing": {}}, seeds=[0])
    assert stored
    assert "4 runs take 20 epochs" in line
    assert "80 live" in line


def test_what_is_asked_for_by_a_word_is_done():
    assert stores(methods={"kd": {}}, seeds=[0], targets="cached") == (True, [])
    assert stores(methods=THREE, targets="live") == (False, [])


def test_a_number_of_logits_that_nobody_stores_is_said():
    study = load_study(config(methods={"at": {}}, targets={"top_k": 3}))
    assert warnings(study) == ["targets.top_k: of no teacher logits are stored, so it has no effect"]
    assert not warnings(load_study(config(methods={"kd": {}}, targets={"top_k": 3})))
