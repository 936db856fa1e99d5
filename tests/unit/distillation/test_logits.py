"""What the methods of logits share, and standardised logits in each of them."""

import numpy as np
import pytest
import torch
from batches import batch_of
from by_hand import LABELS, STUDENT, TEACHER, kl, mean, softened, z_scores

from kd.distillation.combined import build_method
from kd.distillation.logits import described, of_label, of_others, standardized
from kd.errors import UserError
from kd.methods.wsld import sample_weights, wsl_loss

# The terms that are distilled from standardised logits; all others are as they are without.
DISTILLED = {
    "kd": {"kd"},
    "dkd": {"tckd", "nckd"},
    "mlkd": {"instance"},
    "ctkd": {"kd"},
    "nkd": {"nontarget"},
    "wsld": {"wsl"},
    "rld": {"scd", "mcd"},
}


def terms_of(name, student, teacher, **options):
    method = build_method(name, options).double()
    batch = batch_of(torch.tensor(student), torch.tensor(teacher), LABELS, epoch=4)
    return {term: value.item() for term, value in method.losses(batch).items()}


def test_standardised_by_hand():
    """Mean 2, deviation 1 by C − 1 = 2 (by C it would be √(2/3))."""
    rows = standardized(torch.tensor([[1.0, 2.0, 3.0], [20.0, 10.0, 30.0]], dtype=torch.float64))
    assert rows.numpy() == pytest.approx(np.array([[-1.0, 0.0, 1.0], [0.0, -1.0, 1.0]]), abs=1e-6)


def test_standardised_as_in_the_paper():
    ours = standardized(torch.tensor(STUDENT)).numpy()
    assert ours == pytest.approx(z_scores(STUDENT), rel=1e-12)
    assert ours != pytest.approx((STUDENT - STUDENT.mean(1)[:, None]) / STUDENT.std(1)[:, None], rel=1e-3)


def test_logits_without_an_opinion_stay_finite():
    logits = torch.full((2, 4), 5.0, requires_grad=True)
    standardized(logits).square().sum().backward()
    assert logits.grad.isfinite().all()


def test_of_two_logits_nothing_would_be_left():
    with pytest.raises(UserError, match="standardize needs three classes or more"):
        standardized(torch.zeros(5, 2))


@pytest.mark.parametrize("temperature", [1.0, 2.0])
def test_kd_with_standardised_logits(temperature):
    """Standardised first, then divided by the temperature; only in what is distilled; T² stays."""
    terms = terms_of(
        "kd", STUDENT, TEACHER, standardize=True, temperature=temperature, kd_weight=9, ce_weight=1
    )
    rows = list(zip(z_scores(TEACHER), z_scores(STUDENT), strict=True))
    divergence = mean(kl(softened(t, temperature), softened(s, temperature)) for t, s in rows)
    assert terms["kd"] == pytest.approx(9 * temperature**2 * divergence, rel=1e-9)
    assert terms["ce"] == pytest.approx(
        mean(-np.log(softened(row)[label]) for row, label in zip(STUDENT, LABELS, strict=True)), rel=1e-9
    )


@pytest.mark.parametrize("name", DISTILLED)
def test_only_what_is_distilled_is_standardised(name):
    """It is then what it is without the option for logits that have been standardised before."""
    plain, ours = terms_of(name, STUDENT, TEACHER), terms_of(name, STUDENT, TEACHER, standardize=True)
    before = terms_of(name, z_scores(STUDENT), z_scores(TEACHER))
    for term in plain:
        if term not in DISTILLED[name]:
            assert ours[term] == plain[term], term
        else:
            assert ours[term] != pytest.approx(plain[term], rel=1e-3), term
            if name != "wsld":  # the weights of whose samples come from the logits as they are
                assert ours[term] == pytest.approx(before[term], rel=1e-9), term


def test_the_weights_of_wsld_come_from_the_logits_as_they_are():
    student, teacher = torch.tensor(STUDENT), torch.tensor(TEACHER)
    weights = sample_weights(student, teacher, torch.tensor(LABELS))
    expected = 2.5 * wsl_loss(standardized(student), standardized(teacher), weights, 2.0).item()
    assert terms_of("wsld", STUDENT, TEACHER, standardize=True)["wsl"] == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("name", DISTILLED)
def test_scale_and_shift_of_each_sample_do_not_matter_to_it(name):
    scale, shift = (
        np.array([[0.5], [2.0], [7.0], [1.0], [1.5]]),
        np.array([[3.0], [0.0], [-9.0], [1.0], [2.0]]),
    )
    ours = terms_of(name, STUDENT, TEACHER, standardize=True)
    other = terms_of(name, STUDENT, TEACHER * scale + shift, standardize=True)
    for term in DISTILLED[name] - {"wsl"}:
        assert other[term] == pytest.approx(ours[term], rel=1e-6), term
    assert terms_of(name, STUDENT, TEACHER * scale + shift) != pytest.approx(terms_of(name, STUDENT, TEACHER))


@pytest.mark.parametrize("name", DISTILLED)
def test_the_table_says_so(name):
    assert not build_method(name, {}).standardize
    assert "standardized" not in build_method(name, {}).describe()
    options = {"standardize": True}
    assert (
        build_method(name, options).describe() == build_method(name, {}).describe() + ", standardized logits"
    )


def test_own_class_and_other_classes():
    values, labels = torch.arange(8).reshape(2, 4), torch.tensor([2, 0])
    assert of_label(values, labels).tolist() == [[2], [4]]
    assert of_others(values, labels).tolist() == [[0, 1, 3], [5, 6, 7]]
    assert of_others(values[:, :2], torch.tensor([1, 0])).tolist() == [[0], [5]]


def test_a_weight_of_one_is_not_written():
    assert described(1.0, "2·KL") == "CE + 2·KL"
    assert described(0.5, "2·KL", standardize=True) == "0.5·CE + 2·KL, standardized logits"
