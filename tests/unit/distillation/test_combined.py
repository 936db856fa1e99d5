"""Several methods at once: what is counted once, what is renamed, and what each is asked."""

import copy

import pytest
import torch
from batches import batch_of
from by_hand import LABELS, STUDENT, TEACHER
from torch import nn

from kd.distillation.base import Context, Distillation
from kd.distillation.batch import Output
from kd.distillation.combined import Combined, build_method, build_methods
from kd.methods.kd import Method as Hinton
from kd.networks.factory import build_network

CONTEXT = Context(None, None, (1, 8, 8), 7, None, 1)


class Fake(Distillation):
    """A method that returns fixed terms, and records its inputs."""

    def __init__(self, name="fake", needs=(), preliminary=0, **terms):
        super().__init__()
        self.name, self.NEEDS, self.preliminary = name, needs, preliminary
        self.terms = {term: torch.tensor(float(value)) for term, value in terms.items()}
        self.asked = []

    def describe(self):
        return self.name

    def prepare(self, context):
        self.asked.append(context)
        self.weight = nn.Parameter(torch.full((2,), float(len(self.name))))

    def losses(self, batch):
        return dict(self.terms)


def numbers(method, **batch):
    terms = method.losses(batch_of(torch.tensor(STUDENT), torch.tensor(TEACHER), LABELS, **batch))
    return {name: term.item() for name, term in terms.items()}


def test_the_cross_entropy_is_there_once_as_the_first_has_it():
    first, second = Fake(ce=1, a=2), Fake(ce=10, b=20)
    assert numbers(Combined({"one": first, "two": second})) == {"ce": 1, "a": 2, "b": 20}
    assert numbers(Combined({"two": second, "one": first})) == {"ce": 10, "b": 20, "a": 2}


def test_the_first_that_has_one_gives_it():
    assert numbers(Combined({"one": Fake(a=2), "two": Fake(ce=10)})) == {"a": 2, "ce": 10}


def test_terms_of_one_name_are_all_there():
    parts = {"one": Fake(ce=1, kd=2), "two": Fake(ce=1, kd=3), "three": Fake(kd=4, other=5)}
    assert numbers(Combined(parts)) == {"ce": 1, "kd": 2, "kd_two": 3, "kd_three": 4, "other": 5}


def test_real_terms_add_up():
    parts = {name: build_method(name, {}) for name in ("dkd", "kd", "ctkd")}
    terms = numbers(Combined(parts), epoch=30)
    per_part = {name: numbers(part, epoch=30) for name, part in parts.items()}
    expected = {"ce": per_part["dkd"]["ce"], "tckd": per_part["dkd"]["tckd"], "nckd": per_part["dkd"]["nckd"]}
    assert terms == expected | {"kd": per_part["kd"]["kd"], "kd_ctkd": per_part["ctkd"]["kd"]}


def test_it_needs_what_any_of_them_needs():
    parts = {
        "one": Fake(needs=("logits", "stages")),
        "two": Fake(),
        "three": Fake(needs=("logits", "own_stages")),
    }
    assert Combined(parts).NEEDS == ("logits", "own_stages", "stages")
    assert Combined({"one": Fake(), "two": Fake()}).NEEDS == ()


def test_preliminary_epochs_are_for_those_that_have_any():
    parts = {
        "none": Fake(ce=1, a=2),
        "short": Fake(preliminary=2, ce=3, b=4),
        "long": Fake(preliminary=5, c=6),
    }
    method = Combined(parts)
    assert method.preliminary == 5
    assert numbers(method, preliminary=True) == {"ce": 3, "b": 4, "c": 6}
    assert numbers(method) == {"ce": 1, "a": 2, "b": 4, "c": 6}
    assert Combined({"one": Fake(), "two": Fake()}).preliminary == 0


def test_each_is_prepared_once_and_in_order():
    order = []
    parts = {name: Fake(name) for name in ("z", "a")}
    for part in parts.values():
        part.prepare = lambda context, part=part: order.append((part.name, context.classes))
    Combined(parts).prepare(CONTEXT)
    assert order == [("z", 7), ("a", 7)]


def test_what_changes_the_student_comes_first_and_the_others_see_what_it_made():
    """SimKD appends a stage: the embedding of CRD is one of the channels that the student ends with."""
    torch.manual_seed(0)
    student, teacher = (build_network("cnn", {"channels": sizes}, 1, 3) for sizes in ([4, 6], [8, 10]))
    labels = torch.arange(12) % 3
    for order in (("simkd", "crd"), ("crd", "simkd")):
        network = copy.deepcopy(student)
        context = Context(network, teacher, (1, 8, 8), 3, labels, 2)
        assert len(context.student_stages) == 2
        method = build_methods([(name, {}) for name in order])
        method.prepare(context)
        assert (len(network.stages), method.changes.keys()) == (3, {"simkd"})
        stages, logits = network.forward_stages(torch.randn(12, 1, 8, 8))
        answers = [
            Output(logits, tuple(stages)),
            Output(torch.zeros(12, 3), (None, torch.randn(12, 10, 4, 4))),
        ]
        terms = method.losses(batch_of(*answers, labels))
        assert set(terms) == {"features", "ce", "crd"}


def test_the_network_that_is_saved_passes_through_all_the_first_prepared_last():
    parts = {name: Fake(name) for name in ("a", "b", "c")}
    parts["b"].CHANGES_STUDENT = True
    for name, part in parts.items():
        part.deployed = lambda student, name=name: student + name
    assert Combined(parts).deployed("") == "cab"
    network = nn.Linear(1, 1)
    assert Combined({"one": Fake(), "two": Fake()}).deployed(network) is network


def test_what_they_own_is_kept_and_comes_back():
    parts = [{"one": Fake("a"), "two": Fake("abc"), "ctkd": build_method("ctkd", {})} for _ in range(2)]
    method, other = (Combined(own) for own in parts)
    for combined in (method, other):
        combined.prepare(CONTEXT)
    with torch.no_grad():
        for parameter in method.parameters():
            parameter += 1
    other.load_state_dict(method.state_dict())
    assert len(list(other.parameters())) == 3
    assert parts[1]["one"].weight.tolist() == [2, 2]
    assert parts[1]["two"].weight.tolist() == [4, 4]
    assert parts[1]["ctkd"].theta.item() == 2
    assert len({name.split(".")[1] for name in method.state_dict()}) == 3


def test_the_loss_is_named_by_all():
    assert Combined({"one": Fake("CE + A"), "two": Fake("B")}).describe() == "CE + A; B"
    both = Combined({"one": Fake("CE + A"), "two": Fake("2·CE + B")})
    assert both.describe() == "CE + A; 2·CE + B (CE once, the first)"


def test_one_method_is_itself():
    method = build_methods([("kd", {"temperature": 2})])
    assert isinstance(method, Hinton)
    assert method.temperature == 2


def test_several_are_combined_in_the_order_of_the_config():
    method = build_methods([("dkd", {"nckd_weight": 2}), ("kd", {"kd_weight": 9})])
    assert isinstance(method, Combined)
    assert method.NEEDS == ("logits",)
    assert method.describe() == "CE + 1·TCKD + 2·NCKD, T=4; 0.1·CE + 9·T²·KL, T=4 (CE once, the first)"
    assert list(numbers(method)) == ["ce", "tckd", "nckd", "kd"]
    assert numbers(method)["ce"] == pytest.approx(10 * numbers(build_methods([("kd", {})]))["ce"])
