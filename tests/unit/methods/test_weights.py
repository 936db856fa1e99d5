"""A term whose weight is set to 0 is left out, of every method; the cross-entropy stays."""

from dataclasses import replace

import parity
import pytest
import torch
from pydantic import TypeAdapter
from tiers import sample

from kd.distillation.combined import Combined, build_method
from kd.registry import methods
from kd.settings.types import NonNegative

pytestmark = pytest.mark.usefixtures("one_thread")
PAIR = list(parity.PAIRS)[1]
# Factors of a part of a term, strengths of a gradient, and the weight of an only term, which no config may set to 0.
OTHERS = {("wkd_f", "mean_weight"), ("ctkd", "reversal_min"), ("ctkd", "reversal_max"), ("simkd", "weight")}
NON_NEGATIVE = TypeAdapter(NonNegative).json_schema()
CASES = [
    (name, option)
    for name, entry in methods().items()
    for option, schema in entry.options.model_json_schema().get("properties", {}).items()
    if NON_NEGATIVE.items() <= schema.items() and option != "ce_weight" and (name, option) not in OTHERS
]


def terms(name, options, monkeypatch):
    variant = parity.METHODS.get(name) or parity.Variant(name, None)
    monkeypatch.setitem(parity.METHODS, name, replace(variant, options=variant.options | options))
    student, teacher, method = parity.set_up(PAIR, name)
    return method.effective_losses(parity.batch_for(student, teacher, method))


@pytest.mark.parametrize(("name", "option"), sample(CASES, [("kd", "kd_weight"), ("dml", "weight")]))
def test_a_term_of_weight_0_is_left_out(name, option, monkeypatch):
    options = {"init_epochs": 0} if name in ("fitnet", "fsp") else {}
    every = terms(name, {option: 1.0} | options, monkeypatch)
    left = terms(name, {option: 0.0} | options, monkeypatch)
    assert "ce" in left
    assert set(left) < set(every)
    assert all(term.item() for term in left.values())
    for term in left:
        torch.testing.assert_close(left[term], every[term], rtol=0, atol=0)


def test_a_cross_entropy_of_weight_0_stays(monkeypatch):
    left = terms("kd", {"ce_weight": 0.0}, monkeypatch)
    assert set(left) == {"ce", "kd"}
    assert left["ce"].item() == 0


def test_in_a_sum_too(monkeypatch):
    student, teacher, _ = parity.set_up(PAIR, "kd")
    parts = {"kd": build_method("kd", {"kd_weight": 0.0}), "ttm": build_method("ttm", {})}
    left = Combined(parts).losses(parity.batch_for(student, teacher, parts["kd"]))
    assert set(left) == {"ce", "kd"}
    assert (
        left["kd"].item() == parts["ttm"].losses(parity.batch_for(student, teacher, parts["kd"]))["kd"].item()
    )
