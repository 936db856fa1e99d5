"""What every method that compares logits keeps to: invariances, gradients, extremes, no word to the host."""

import pytest
import torch
from batches import batch_of
from by_hand import LABELS, STUDENT, TEACHER
from torch.utils._python_dispatch import TorchDispatchMode

from kd.distillation.combined import build_method
from kd.registry import methods

STANDARDIZING = ["kd", "dkd", "mlkd", "ctkd", "nkd", "wsld", "rld"]
TAUGHT = [*STANDARDIZING, "dist", "ttm", "wttm", "abkd"]
ALONE = ["label_smoothing", "tfkd"]
# What these ask for is not the teacher's own prediction: the teacher is softened, or refined by the label.
OTHER_TARGETS = {"ttm", "wttm", "rld"}
CASES = [(name, {}) for name in TAUGHT + ALONE] + [(name, {"standardize": True}) for name in STANDARDIZING]
every_method = pytest.mark.parametrize(("name", "options"), CASES)
TO_THE_HOST = {"_local_scalar_dense", "item", "is_nonzero", "nonzero", "lift_fresh", "_to_copy"}


def tensor(values, dtype=torch.float64):
    return torch.tensor(values, dtype=dtype)


def terms_of(name, options, student, teacher, labels=LABELS, epoch=4):
    method = build_method(name, options).to(student.dtype)
    return method.losses(batch_of(student, teacher, labels, epoch=epoch))


def numbers(terms):
    return {name: value.item() for name, value in terms.items()}


@every_method
def test_terms_are_finite_scalars_and_one_is_the_cross_entropy(name, options):
    terms = terms_of(name, options, tensor(STUDENT), tensor(TEACHER))
    assert "ce" in terms
    assert all(value.shape == () and value.isfinite() for value in terms.values())


@every_method
def test_the_order_of_the_batch_does_not_matter(name, options):
    order = [4, 2, 0, 1, 3]
    terms = terms_of(name, options, tensor(STUDENT), tensor(TEACHER))
    other = terms_of(name, options, tensor(STUDENT[order]), tensor(TEACHER[order]), LABELS[order])
    assert numbers(other) == pytest.approx(numbers(terms), rel=1e-12)


@every_method
def test_a_constant_added_to_all_logits_of_a_sample_does_not_matter(name, options):
    shift = tensor([[3.0], [-40.0], [0.0], [7.0], [1.0]])
    terms = terms_of(name, options, tensor(STUDENT), tensor(TEACHER))
    other = terms_of(name, options, tensor(STUDENT) + shift, tensor(TEACHER) - 2 * shift)
    assert numbers(other) == pytest.approx(numbers(terms), rel=1e-10)


@every_method
def test_every_sample_twice_is_the_same_mean(name, options):
    """But for Gram matrices: of twice as many samples each row is twice as long, or each entry twice as large."""
    once = numbers(terms_of(name, options, tensor(STUDENT), tensor(TEACHER)))
    twice = terms_of(name, options, tensor(STUDENT).repeat(2, 1), tensor(TEACHER).repeat(2, 1), [*LABELS] * 2)
    factors = {"batch": 2, "class": 4} if name == "mlkd" else {}
    expected = {term: value * factors.get(term, 1) for term, value in once.items()}
    assert numbers(twice) == pytest.approx(expected, rel=1e-6)


@every_method
def test_gradients_reach_the_student_and_what_the_method_owns_but_never_the_teacher(name, options):
    student, teacher = tensor(STUDENT).requires_grad_(), tensor(TEACHER).requires_grad_()
    method = build_method(name, options).double()
    for term, value in method.losses(batch_of(student, teacher, LABELS, epoch=4)).items():
        student.grad = None
        value.backward(retain_graph=True)
        reached = student.grad.abs().sum(dim=1).gt(0)
        assert reached.any() if term == "mcd" else reached.all(), term  # it may have nothing to match
        assert student.grad.isfinite().all(), term
    assert teacher.grad is None
    assert all(parameter.grad.abs().sum() > 0 for parameter in method.parameters())


@pytest.mark.parametrize(
    ("name", "options", "classes"),
    # two classes cannot be standardised: test_logits.py
    [(*case, classes) for case in CASES for classes in (2, 3, 100) if not (case[1] and classes == 2)],
)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("scale", [1e4, 1.0, 0.0])
def test_extreme_logits_stay_finite(name, options, classes, dtype, scale):
    """Sure and wrong, sure and right, and without any opinion: the student, the teacher, and both."""
    labels = torch.tensor([0, 1, 0, 1])
    sure = torch.nn.functional.one_hot(labels, classes).to(dtype) * 2 - 1
    student = (scale * sure * tensor([[1], [1], [-1], [-1]], dtype)).requires_grad_()
    teacher = scale * sure * tensor([[1], [-1], [1], [-1]], dtype)
    terms = terms_of(name, options, student, teacher, labels)
    sum(terms.values()).backward()
    assert all(value.dtype == dtype and value.isfinite() for value in terms.values())
    assert student.grad.isfinite().all()


@pytest.mark.parametrize(
    ("name", "options"), [case for case in CASES if case[0] in {*TAUGHT} - OTHER_TARGETS]
)
def test_nothing_is_left_to_learn_from_a_teacher_whom_the_student_equals(name, options):
    """The value of what the papers write as a cross-entropy, nkd and wsld, is not 0, but its gradient is."""
    student = tensor(STUDENT).requires_grad_()
    terms = terms_of(name, options, student, tensor(STUDENT))
    distilled = {term: value for term, value in terms.items() if term not in ("ce", "target")}
    sum(distilled.values()).backward()
    assert student.grad.abs().max().item() == pytest.approx(0, abs=3e-5)  # the 1e-8 of dist
    if name not in ("nkd", "wsld"):
        assert numbers(distilled) == pytest.approx(dict.fromkeys(distilled, 0), abs=3e-5)


@pytest.mark.parametrize(("name", "options"), [case for case in CASES if case[0] in TAUGHT])
def test_student_and_teacher_are_not_the_same_thing(name, options):
    """Of the distances that are alike in both directions, Pearson's and those of Gram matrices, none is left."""
    alike = {"dist": {"inter", "intra"}, "mlkd": {"batch", "class"}}.get(name, set())
    terms = numbers(terms_of(name, options, tensor(STUDENT), tensor(TEACHER)))
    other = numbers(terms_of(name, options, tensor(TEACHER), tensor(STUDENT)))
    for term in terms:
        assert (other[term] == pytest.approx(terms[term], rel=1e-6)) == (term in alike), term


class Watched(TorchDispatchMode):
    """Notes the operations that make the host wait for the device, or send it numbers."""

    def __init__(self):
        super().__init__()
        self.seen = set()

    def __torch_dispatch__(self, operation, types, arguments=(), keywords=None):
        self.seen |= {operation.overloadpacket.__name__} & TO_THE_HOST
        masks = [a for a in arguments[1] if a is not None] if "index" in operation.name() else []
        if any(isinstance(a, torch.Tensor) and a.dtype == torch.bool for a in masks):
            self.seen.add("a mask of unknown length")
        return operation(*arguments, **(keywords or {}))


@every_method
def test_nothing_goes_between_host_and_device(name, options):
    """So that a step can be a CUDA graph, for any epoch."""
    method = build_method(name, options)
    student = tensor(STUDENT, torch.float32).requires_grad_()
    batch = batch_of(student, tensor(TEACHER, torch.float32), LABELS)
    with Watched() as watched:
        sum(method.losses(batch).values()).backward()
    assert watched.seen == set()


def test_what_watches_for_that_would_see_it():
    values = tensor(STUDENT)
    with Watched() as watched:
        values.sum().item()
        values[values > 0].sum()
        values.new_tensor([1, -1])
    assert {"_local_scalar_dense", "a mask of unknown length", "lift_fresh"} <= watched.seen


def test_who_has_a_teacher():
    assert all(methods()[name].constants["NEEDS"] == ("logits",) for name in TAUGHT)
    assert all(methods()[name].constants["NEEDS"] == () for name in ALONE)
