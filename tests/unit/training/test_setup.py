"""Who takes part in a training, and what its log says of that."""

import pytest
from torch import nn

from kd.distillation.combined import build_method
from kd.training.setup import Setup

STORED = "teacher: stored logits, because the method needs nothing else of it"
RUNS = "teacher: runs in every step, because "


@pytest.mark.parametrize(
    ("method", "stored", "teacher", "expected"),
    [
        ("kd", True, None, STORED),
        ("kd", False, nn.Identity(), f"{RUNS}none of its logits are stored (targets:)"),
        ("at", False, nn.Identity(), f"{RUNS}the method needs its feature maps"),
        ("simkd", False, nn.Identity(), f"{RUNS}the method needs its feature maps and its layers"),
        ("cross_entropy", False, None, None),
    ],
)
def test_a_log_says_where_logits_come_from_and_why(method, stored, teacher, expected):
    setup = Setup(nn.Identity(), {}, build_method(method, {}), teacher)
    assert setup.of_teacher(stored=stored) == expected
