"""Whole training steps are those that plain tensor code, written from the papers, computes in float64.

The numbers in tests/support/parity.json come from `python tests/support/parity.py`, which says what they are.
"""

import json
import re

import pytest
from checkout import ROOT
from parity import KEPT, METHODS, PAIRS, apart, expected, length, ours
from parity_variants import VARIANTS
from tiers import sample

from kd.registry import methods

pytestmark = pytest.mark.usefixtures("one_thread")
CONSTANTS = json.loads(KEPT.read_text())
REPEATS = {*VARIANTS} - {"cc, consecutive", "ft, mean squares", "ft, first epochs"}
STEPS = [(pair, name) for pair in PAIRS for name in METHODS]
EXACT = {  # relatively
    "crd": 1e-6,  # the numbers of negatives are float32 here
    # Singular values of the WRN's maps are so close that the iteration has not converged.
    ("wrn_16_1 from wrn_16_2", "kdsvd"): 1e-3,
    ("wrn_16_1 from wrn_16_2", "kdsvd, last_sum"): 2e-2,
}


def tolerance(pair, name):
    return EXACT.get((pair, name), EXACT.get(name, 1e-9))


@pytest.mark.parametrize(
    ("pair", "name"),
    # On the pair that takes less time; singular values take too long, and most options repeat their method.
    sample(
        STEPS, [(list(PAIRS)[1], name) for name in METHODS if "kdsvd" not in name and name not in REPEATS]
    ),
)
def test_loss_and_gradient_of_a_step_are_those_worked_out_apart(pair, name):
    loss, gradients = ours(pair, name)
    kept = CONSTANTS[pair][name]
    assert loss == pytest.approx(kept["loss"], rel=tolerance(pair, name))
    assert length(gradients) == pytest.approx(kept["gradient"], rel=tolerance(pair, name))


@pytest.mark.full
@pytest.mark.parametrize(("pair", "name"), STEPS)
def test_the_constants_are_those_of_the_plain_code_and_so_is_every_gradient(pair, name):
    loss, gradients = expected(pair, name)
    kept = CONSTANTS[pair][name]
    assert (loss, length(gradients)) == pytest.approx((kept["loss"], kept["gradient"]), rel=1e-11)
    assert apart(ours(pair, name)[1], gradients) < tolerance(pair, name)


def bounds():
    """Of each method those of value and gradient that docs/parity.md prints; None where it has no whole step."""
    found = {}
    for line in (ROOT / "docs/parity.md").read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("| ").split(" | ")]
        if len(cells) == 7 and cells[0].startswith("`"):
            pair = None if cells[4] == "–" else (float(cells[4]), float(cells[5]))
            found |= dict.fromkeys(re.findall(r"`(\w+)", cells[0]), pair)
    return found


def test_the_page_has_a_bound_for_every_method_with_a_whole_step():
    printed = bounds()
    assert printed.keys() == {*methods(), "dot"}
    assert {name for name, pair in printed.items() if pair} == {step.method for step in METHODS.values()}


@pytest.mark.parametrize(
    ("pair", "name"), sample(STEPS, [(list(PAIRS)[1], name) for name in ("dist", "pkt", "sp")])
)
def test_no_difference_is_larger_than_the_page_says(pair, name):
    """As kd computes it, the iteration of kdsvd not prolonged."""
    (value, gradients), (loss, theirs) = ours(pair, name, converged=False), expected(pair, name)
    of_value, of_gradient = bounds()[METHODS[name].method]
    assert abs(value - loss) <= of_value * abs(loss)
    assert apart(gradients, theirs) <= of_gradient
