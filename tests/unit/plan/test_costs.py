"""The cost of a job in comparison: worked out by hand from listed multiply-accumulates, and these counted."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from small_config import config
from tiers import sample

from kd import registry
from kd.config.load import load_study
from kd.networks.factory import build_network
from kd.networks.size import count_macs
from kd.plan.priority import costs
from kd.plan.priority.costs import cost, live_teachers, macs, share
from kd.plan.teachers import targets_job
from kd.plan.training import baseline_job, distill_job, intermediate_job, teacher_job

LISTED = json.loads(Path(costs.__file__).with_name("macs.json").read_text())
QUICK = ("resnet8", "cnn", "mobilenet", "wrn_16_2")
METHODS = {"kd": {}, "at": {}, "tfkd": {}, "twice": {"method": "at", "via": ["vgg16"]}}


@pytest.fixture
def study(monkeypatch):
    """Of networks of 100, 20 and 3 million multiply-accumulates."""
    known = {"resnet18": 100.0, "vgg16": 20.0, "cnn": 3.0}
    monkeypatch.setattr(costs, "_known", lambda: known)
    networks = {"resnet18": {"width": 0.5, "epochs": 10}, "vgg16": {"epochs": 20}}
    other = {"architecture": "resnet18", "external": "a.pth"}
    students = {"cnn": {"epochs": 5}}
    return load_study(config(teachers={**networks, "other": other}, students=students, methods=METHODS))


@pytest.mark.parametrize("name", sample(registry.architectures(), QUICK))
def test_what_is_listed_is_what_the_network_has(name):
    """Of every architecture, to four digits."""
    with torch.device("meta"):
        counted = count_macs(build_network(name, {}, 3, 10), torch.zeros(1, 3, 32, 32))
    counted = float(f"{counted / 1e6:.4g}")
    assert LISTED.get(name) == counted, f'kd/plan/priority/macs.json should have "{name}": {counted:g}'


def test_nothing_else_is_listed():
    assert LISTED.keys() == registry.architectures().keys()


def test_the_width_counts_squared_and_what_is_not_listed_is_the_median(study):
    def of(architecture, **options):
        return macs(SimpleNamespace(architecture=architecture, options=options))

    assert of("resnet18") == 100e6
    assert of("resnet18", width=0.25) == pytest.approx(6.25e6)
    assert of("timm/vit") == 20e6


@pytest.mark.parametrize("name", ["resnet18", "mobilenet", "vgg16", "googlenet"])
def test_the_estimate_of_a_narrow_network_is_near(name):
    with torch.device("meta"):
        counted = count_macs(build_network(name, {"width": 0.25}, 3, 10), torch.zeros(1, 3, 32, 32))
    estimate = macs(SimpleNamespace(architecture=name, options={"width": 0.25}))
    assert estimate == pytest.approx(counted, rel=0.2)


def test_a_training_passes_forward_and_backward_in_every_epoch(study):
    """A backward pass takes twice as much as a forward one."""
    assert cost(study, teacher_job(study, "resnet18"), {"teacher": "resnet18"}) == 10 * 3 * 25e6
    assert cost(study, baseline_job(study, "cnn", 0), {"student": "cnn", "seed": "0"}) == 5 * 3 * 3e6


@pytest.mark.parametrize(
    ("teacher", "method", "live"),
    [
        ("vgg16", "kd", 0),  # stored logits
        ("vgg16", "at", 20e6),
        ("other", "at", 100e6),
        ("_none", "tfkd", 0),
        ("resnet18", "twice", 20e6),  # the network between
    ],
)
def test_a_live_teacher_adds_a_forward_pass(study, teacher, method, live):
    names = {"teacher": teacher, "student": "cnn", "method": method, "seed": "0"}
    job = distill_job(study, teacher, "cnn", method, 0)
    assert cost(study, job, names) == 5 * (3 * 3e6 + live)
    assert sum(map(macs, live_teachers(study, names))) == live


def test_a_network_in_a_chain_is_taught_by_the_one_before(study):
    names = {"teacher": "resnet18", "method": "twice", "chain": "vgg16", "seed": "0"}
    job = intermediate_job(study, "resnet18", "twice", "vgg16", 0)
    assert cost(study, job, names) == 20 * (3 * 20e6 + 25e6)


def test_targets_are_forward_passes_of_the_teacher(study):
    for teacher, one in (("vgg16", 20e6), ("other", 100e6)):
        assert cost(study, targets_job(study, 0, 5), {"teacher": teacher, "seed": "0"}) == 5 * one


def test_what_has_no_network_costs_nothing(study):
    assert cost(study, SimpleNamespace(epochs=3), {}) == 0


def test_the_share_grows_with_the_cost_and_stays_below_one():
    """The ImageNet network of 100 billion multiply-accumulates in 10,000 epochs has 3·10¹⁵."""
    shares = [share(cost) for cost in (0, 1e6, 1e9, 1.01e9, 1e12, 3e15)]
    assert shares == sorted(set(shares))
    assert (shares[0], share(1e10 - 1)) == (0, pytest.approx(0.5))
    assert shares[-1] < 1
