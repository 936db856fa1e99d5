"""Whole training steps are those that plain tensor code, written from the papers, computes in float64.

The numbers in tests/support/parity.json come from `python tests/support/parity.py`, which says what they are.
"""

import json

import pytest
from parity import KEPT, METHODS, PAIRS, apart, expected, length, ours

pytestmark = pytest.mark.usefixtures("one_thread")
CONSTANTS = json.loads(KEPT.read_text())
STEPS = [(pair, name) for pair in PAIRS for name in METHODS]
EXACT = {"dml": 1e-6}  # relatively; the peer's logits are float32


@pytest.mark.parametrize(
    ("pair", "name"),
    [
        pytest.param(pair, name, marks=[pytest.mark.full] if pair == next(iter(PAIRS)) else [])
        for pair, name in STEPS
    ],
)
def test_loss_and_gradient_of_a_step_are_those_worked_out_apart(pair, name):
    loss, gradients = ours(pair, name)
    kept = CONSTANTS[pair][name]
    assert loss == pytest.approx(kept["loss"], rel=EXACT.get(name, 1e-9))
    assert length(gradients) == pytest.approx(kept["gradient"], rel=EXACT.get(name, 1e-9))


@pytest.mark.full
@pytest.mark.parametrize(("pair", "name"), STEPS)
def test_the_constants_are_those_of_the_plain_code_and_so_is_every_gradient(pair, name):
    loss, gradients = expected(pair, name)
    kept = CONSTANTS[pair][name]
    assert (loss, length(gradients)) == pytest.approx((kept["loss"], kept["gradient"]), rel=1e-11)
    assert apart(ours(pair, name)[1], gradients) < EXACT.get(name, 1e-9)
