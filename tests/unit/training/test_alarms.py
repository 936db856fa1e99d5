"""Signs in a history, and in the logits of two networks, that a method teaches nothing."""

import pytest
import torch

from kd.training.alarms import agreement_alarm, term_alarms


def history(**terms):
    rows = [
        {f"loss_{name}": value for name, value in zip(terms, values, strict=True)}
        for values in zip(*terms.values(), strict=True)
    ]
    return [{"epoch": epoch, "loss": 1.0, "lr": 0.1} | row for epoch, row in enumerate(rows, 1)]


def alarms(*, epochs=9, **terms):
    return term_alarms(history(**terms), epochs)


def test_a_method_that_learns_gives_none():
    assert alarms(ce=[2.3, 0.001], kd=[9.0, 8.0], vid=[-0.2, -0.3]) == {}
    assert term_alarms([], 9) == {}
    assert alarms(ce=[0.0, 0.0]) == {}


@pytest.mark.parametrize(
    ("values", "epochs", "sign"),
    [
        ([3, 2, 0], 3, False),  # has faded, as the weights of wkd_l and wkd_f do
        ([3, 2, 0], 4, True),
        ([3, 0, 0], 3, True),
        ([0, 0, 0], 3, True),
        ([0], 1, True),
    ],
)
def test_a_term_that_is_0_in_the_last_epoch_alone_is_no_sign(values, epochs, sign):
    assert bool(alarms(ce=[2] * len(values), wkd=values, epochs=epochs)) == sign


def test_a_term_of_epochs_before_the_recipes_does_not_count_as_the_last():
    rows = [{"epoch": 1, "loss_hint": 0.0}, {"epoch": 2, "loss_ce": 2.0, "loss_kd": 0.0}]
    assert set(term_alarms(rows, 2)) == {("zero", "hint"), ("zero", "kd")}


@pytest.mark.parametrize(
    ("terms", "sign", "text"),
    [
        ({"ce": [2, 1, 1], "at": [1, 0, 0]}, ("zero", "at"), "loss term at is 0 in epoch 2"),
        (
            {"ce": [2, 1, 1], "at": [3, 2.5, 2.5]},
            ("constant", "at"),
            "loss term at does not change: 2.5 in epochs 2 and 3",
        ),
        (
            {"ce": [2, 1], "at": [1, 4000]},
            ("large", "at"),
            "loss term at is 2,000 times the cross-entropy in epoch 2",
        ),
        (
            {"ce": [2, 1], "vid": [-4000, 1]},
            ("large", "vid"),
            "loss term vid is 2,000 times the cross-entropy in epoch 1",
        ),
    ],
)
def test_each_sign_is_said_once(terms, sign, text):
    assert alarms(**terms) == {sign: text}


def test_a_cross_entropy_that_is_learnt_makes_no_other_term_large():
    assert alarms(ce=[2.0, 0.0001], kd=[1.0, 0.9]) == {}


def test_terms_of_first_epochs_are_compared_with_the_cross_entropy_that_follows():
    rows = [{"epoch": 1, "loss_hint": 5000.0}, {"epoch": 2, "loss_ce": 2.0, "loss_kd": 1.0}]
    assert set(term_alarms(rows, 9)) == {("large", "hint")}


def predictions(classes):
    return torch.nn.functional.one_hot(torch.tensor(classes), 4).double()


def test_agreement_of_independent_predictions_is_chance():
    """Each of four classes with each of four, once: a quarter agrees, and a quarter is expected."""
    student, teacher = [i // 4 for i in range(16)], [i % 4 for i in range(16)]
    alarm = agreement_alarm(predictions(student), predictions(teacher))
    assert alarm == "agreement with the teacher is no better than chance: 25.0 %, 25.0 % expected"


def test_a_student_of_one_class_agrees_by_chance_however_often():
    alarm = agreement_alarm(predictions([0] * 10), predictions([0] * 9 + [1]))
    assert alarm == "agreement with the teacher is no better than chance: 90.0 %, 90.0 % expected"


def test_more_than_two_deviations_are_no_chance():
    """16 samples, a quarter expected: the deviation is 0.108, so 0.4665 is the border, 7.46 of 16."""
    teacher = [i % 4 for i in range(16)]
    for same, sure in ((8, True), (4, False)):
        student = [teacher[i] if i < same else (teacher[i] + 1) % 4 for i in range(16)]
        assert (agreement_alarm(predictions(student), predictions(teacher)) is None) == sure
    assert agreement_alarm(predictions([1] * 5), predictions([1] * 5)) is None  # nothing else is possible
