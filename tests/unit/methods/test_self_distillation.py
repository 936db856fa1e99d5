"""Students that learn from their own predictions: of the epoch before, for a classmate, of the step before."""

from functools import cache

import numpy as np
import pytest
import torch
from batches import batch_of
from by_hand import LABELS, STUDENT, TEACHER, cross, differs, kl, mean, slopes, slopes_along, softened
from small_training import StopsAfter, network, split
from tiers import sample

from kd.distillation.base import Context
from kd.distillation.combined import build_method
from kd.methods.dlb import consistency_loss
from kd.methods.ps_kd import self_loss
from kd.runtime.signals import Stopped, StopSignal
from kd.settings.recipe import Recipe
from kd.training.checkpoints import Checkpoints
from kd.training.engine import fit

pytestmark = pytest.mark.usefixtures("one_thread")
ALL_LABELS = torch.tensor([*LABELS, 2, 4, 5])
NAMES = ["ps_kd", "cs_kd", "dlb"]


def prepared(name, epochs=10, batch_size=5, **options):
    method = build_method(name, options)
    method.prepare(Context(None, None, (1, 8, 8), 7, ALL_LABELS, epochs, batch_size=batch_size))
    return method.double()


def tensor(values):
    return torch.tensor(values, dtype=torch.float64)


def ce_by_hand(logits, labels=LABELS):
    return mean(-np.log(softened(row)[y]) for row, y in zip(logits, labels, strict=True))


def test_earlier_predictions_by_hand():
    earlier = [softened(row) for row in TEACHER]

    def by_hand(student):
        return mean(cross(p, softened(q)) for p, q in zip(earlier, student, strict=True))

    student = tensor(STUDENT).requires_grad_()
    loss = self_loss(student, tensor(earlier))
    assert loss.item() == pytest.approx(by_hand(STUDENT), rel=1e-9)
    loss.backward()
    assert student.grad.numpy() == pytest.approx(slopes(by_hand, STUDENT), abs=1e-8)


def test_ps_kd_over_two_epochs():
    """In the first the labels, in the second what it predicted in the first; 0.8 · e / E, counted from 1."""
    method = prepared("ps_kd")
    first = method.losses(batch_of(tensor(STUDENT), None, LABELS, epoch=0))
    plain = ce_by_hand(STUDENT)
    assert first["ce"].item() == pytest.approx((1 - 0.08) * plain)
    assert first["self"].item() == pytest.approx(0.08 * plain)
    second = method.losses(batch_of(tensor(TEACHER), None, LABELS, epoch=1))
    own = mean(cross(softened(p), softened(q)) for p, q in zip(STUDENT, TEACHER, strict=True))
    assert second["ce"].item() == pytest.approx((1 - 0.16) * ce_by_hand(TEACHER))
    assert second["self"].item() == pytest.approx(0.16 * own)
    assert method.predictions[:5].numpy() == pytest.approx(np.array([softened(r) for r in TEACHER]))
    assert method.predictions[5:].argmax(dim=1).tolist() == [2, 4, 5]
    assert method.describe() == "(1 − a)·CE + a·CE with its own earlier predictions (PS-KD), a to 0.8"


def test_ps_kd_finds_samples_by_their_numbers():
    method, order = prepared("ps_kd"), torch.tensor([4, 1, 7])
    labels = ALL_LABELS[order]
    method.losses(batch_of(tensor(STUDENT[:3]), None, labels, indices=order))
    again = torch.tensor([7, 4])
    student = tensor(TEACHER[:2])
    terms = method.losses(batch_of(student, None, ALL_LABELS[again], indices=again, epoch=9))
    rows = [STUDENT[2], STUDENT[0]]
    right = mean(cross(softened(p), softened(q)) for p, q in zip(rows, TEACHER[:2], strict=True))
    assert terms["self"].item() == pytest.approx(0.8 * right)


def test_cs_kd_by_hand():
    """T² · KL(classmate ‖ own), T = 4, without a gradient through the classmate."""
    method = prepared("cs_kd")
    student, mates = tensor(STUDENT).requires_grad_(), tensor(TEACHER).requires_grad_()
    terms = method.losses(batch_of(student, None, LABELS, others=(mates, LABELS, range(5))))

    def by_hand(logits):
        return 16 * mean(kl(softened(t, 4), softened(s, 4)) for s, t in zip(logits, TEACHER, strict=True))

    assert terms["kd"].item() == pytest.approx(by_hand(STUDENT), rel=1e-9)
    assert terms["ce"].item() == pytest.approx(ce_by_hand(STUDENT))
    terms["kd"].backward()
    assert student.grad.numpy() == pytest.approx(slopes(by_hand, STUDENT), abs=1e-7)
    assert mates.grad is None
    assert method.describe() == "CE + 1·T²·KL from a classmate (CS-KD), T=4"


def test_dlb_over_two_steps():
    """First nothing is known; then the first batch comes again, in another order and twice."""
    method = prepared("dlb")
    numbers = torch.tensor([7, 3, 0, 1, 4])
    labels = ALL_LABELS[numbers]
    first = method.losses(
        batch_of(tensor(STUDENT), None, labels, indices=numbers, others=(tensor(TEACHER), labels, numbers))
    )
    assert first["kd"].item() == 0
    both = (ce_by_hand(STUDENT, labels) + ce_by_hand(TEACHER, labels)) / 2
    assert first["ce"].item() == pytest.approx(both)
    places = [3, 0, 0]  # of the first batch
    now = tensor(TEACHER[1:4]).requires_grad_()
    again = (now, labels[places], numbers[places])
    second = method.losses(batch_of(tensor(TEACHER[:3]), None, LABELS[:3], others=again))

    def by_hand(logits):
        rows = zip(places, logits, strict=True)
        return 9 * mean(kl(softened(STUDENT[p], 3), softened(q, 3)) for p, q in rows)

    assert second["kd"].item() == pytest.approx(by_hand(TEACHER[1:4]), rel=1e-9)
    second["kd"].backward()
    assert now.grad.numpy() == pytest.approx(slopes(by_hand, TEACHER[1:4]), abs=1e-7)
    assert method.samples.tolist() == [0, 1, 2, -1, -1, -1]
    assert method.describe() == "CE + 1·T²·KL from the last batch (DLB), T=3"


def test_of_a_sample_of_which_nothing_is_known_nothing_is_asked():
    student, earlier = tensor(STUDENT), tensor(TEACHER)
    known = torch.tensor([True, False, True, False, False])
    right = 4 * sum(kl(softened(TEACHER[i], 2), softened(STUDENT[i], 2)) for i in (0, 2)) / 5
    assert consistency_loss(student, earlier, known, 2.0).item() == pytest.approx(right, rel=1e-9)


# Of two steps the first shows STUDENT and the second TEACHER; beside them are the same samples in other views.
BESIDE = np.random.default_rng(13).normal(size=(2, 5, 7)) * 2


def second_step(name, orders=((0, 1, 2, 3, 4),) * 3, shift=0.0, weight=None):
    """The terms of the second of two steps; `orders` of the first batch, of the second, and of what is beside it.

    `weight` multiplies all logits, as a weight of the network would.
    """
    method, weight = prepared(name), torch.ones(()).double() if weight is None else weight
    for step, logits in enumerate((STUDENT, TEACHER)):
        own = torch.tensor(orders[step])
        beside = torch.tensor(orders[2]) if step else own
        others = weight * tensor(BESIDE[step])[beside] - 2 * shift, LABELS[beside.numpy()], beside
        known = {"indices": own, "epoch": step, "others": others}
        shown = weight * tensor(logits)[own] + shift
        terms = method.losses(batch_of(shown, None, LABELS[own.numpy()], **known))
    return terms


def values_of(terms):
    return {name: term.item() for name, term in terms.items()}


@pytest.mark.parametrize("name", NAMES)
def test_the_order_of_the_batch_and_a_constant_do_not_matter(name):
    """A classmate stays beside its image; what dlb shows again may come in any order, for it goes by numbers."""
    mixed, other = (4, 2, 0, 1, 3), (1, 0, 4, 3, 2)
    expected = pytest.approx(values_of(second_step(name)), rel=1e-9)
    beside = other if name == "dlb" else mixed
    assert values_of(second_step(name, (other, mixed, beside))) == expected
    assert (
        values_of(second_step(name, shift=torch.tensor([[3.0], [-40], [0], [7], [1]]).double())) == expected
    )
    if name == "cs_kd":
        assert second_step(name, (mixed, mixed, other))["kd"].item() != pytest.approx(
            second_step(name)["kd"].item(), rel=1e-3
        )


def soft_by_hand(targets, logits, temperature=1.0, loss=kl):
    return mean(
        loss(softened(p, temperature), softened(q, temperature)) for p, q in zip(targets, logits, strict=True)
    )


def test_known_mistakes_of_ps_kd():
    terms, plain = second_step("ps_kd"), ce_by_hand(TEACHER)
    right = soft_by_hand(STUDENT, TEACHER, loss=cross)
    assert values_of(terms) == pytest.approx({"ce": 0.84 * plain, "self": 0.16 * right}, rel=1e-6)
    differs(terms["ce"], {"epochs from 0": 0.92 * plain, "at its full weight": plain})
    mistakes = {
        "epochs from 0": 0.08 * right,
        "the last epoch's share": 0.8 * right,
        "less the entropy": 0.16 * soft_by_hand(STUDENT, TEACHER),
        "turned round": 0.16 * soft_by_hand(TEACHER, STUDENT, loss=cross),
        "of this epoch": 0.16 * soft_by_hand(TEACHER, TEACHER, loss=cross),
        "labels still": 0.16 * plain,
        "over classes too": 0.16 * right / 7,
        "one sample further": 0.16 * soft_by_hand(np.roll(STUDENT, 1, axis=0), TEACHER, loss=cross),
    }
    differs(terms["self"], mistakes)


def test_known_mistakes_of_cs_kd():
    kd = second_step("cs_kd")["kd"]
    right = soft_by_hand(BESIDE[1], TEACHER, 4)
    assert kd.item() == pytest.approx(16 * right, rel=1e-9)
    mistakes = {
        "no T²": right,
        "T once": 4 * right,
        "not softened": 16 * soft_by_hand(BESIDE[1], TEACHER),
        "turned round": 16 * soft_by_hand(TEACHER, BESIDE[1], 4),
        "cross-entropy": 16 * soft_by_hand(BESIDE[1], TEACHER, 4, cross),
        "over classes too": 16 * right / 7,
        "a sum": 16 * right * 5,
        "other classmates": 16 * soft_by_hand(BESIDE[1][::-1], TEACHER, 4),
    }
    differs(kd, mistakes)


def test_known_mistakes_of_dlb():
    terms, both = second_step("dlb"), (ce_by_hand(TEACHER), ce_by_hand(BESIDE[1]))
    right = soft_by_hand(STUDENT, BESIDE[1], 3)
    assert values_of(terms) == pytest.approx({"ce": sum(both) / 2, "kd": 9 * right}, rel=1e-6)
    differs(terms["ce"], {"a sum": sum(both), "of the new alone": both[0], "of the old alone": both[1]})
    mistakes = {
        "no T²": right,
        "not softened": 9 * soft_by_hand(STUDENT, BESIDE[1]),
        "turned round": 9 * soft_by_hand(BESIDE[1], STUDENT, 3),
        "of this step": 9 * soft_by_hand(TEACHER, BESIDE[1], 3),
        "of the other view then": 9 * soft_by_hand(BESIDE[0], BESIDE[1], 3),
        "by place": 9 * soft_by_hand(STUDENT[::-1], BESIDE[1], 3),
        "over classes too": 9 * right / 7,
    }
    differs(terms["kd"], mistakes)
    backwards = second_step("dlb", ((4, 3, 2, 1, 0), (0, 1, 2, 3, 4), (0, 1, 2, 3, 4)))
    assert backwards["kd"].item() == pytest.approx(9 * right, rel=1e-6), "found by number, not by place"


def frozen(name, targets, seen, temperature):
    """The term by hand as a function of a weight of all logits, of which the targets know nothing."""
    factor, loss = (1, cross) if name == "ps_kd" else (temperature**2, kl)
    share = 0.16 if name == "ps_kd" else 1
    return lambda weight, of_targets=1.0: (
        share * factor * soft_by_hand(of_targets * targets, weight * seen, temperature, loss)
    )


@pytest.mark.parametrize(
    ("name", "term", "by_hand"),
    [
        ("ps_kd", "self", frozen("ps_kd", STUDENT, TEACHER, 1)),
        ("cs_kd", "kd", frozen("cs_kd", BESIDE[1], TEACHER, 4)),
        ("dlb", "kd", frozen("dlb", STUDENT, BESIDE[1], 3)),
    ],
)
def test_no_gradient_goes_through_what_is_learnt_from(name, term, by_hand):
    """One weight makes both predictions, and learns from one of them alone."""
    weight = torch.ones(()).double().requires_grad_()
    second_step(name, weight=weight)[term].backward()
    slopes_along(lambda moved: by_hand(moved[0]), [weight], rel=1e-5)
    both = (by_hand(1 + 1e-5, 1 + 1e-5) - by_hand(1 - 1e-5, 1 - 1e-5)) / 2e-5
    differs(weight.grad, {"through both": both})


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("scale", [1e4, 0.0])
def test_extreme_logits_stay_finite(name, scale):
    method = prepared(name).float()
    sure = torch.nn.functional.one_hot(torch.tensor(LABELS), 7).float() * scale
    for logits in (sure, -sure, sure):
        student = logits.clone().requires_grad_()
        others = -logits, LABELS, torch.arange(5)
        terms = method.losses(batch_of(student, None, LABELS, epoch=3, others=others))
        sum(terms.values()).backward()
        assert all(term.isfinite() for term in terms.values())
        assert student.grad.isfinite().all()


RECIPE = Recipe(epochs=3, batch_size=8, lr=0.05)


def course(name, **more):
    """Three epochs of three steps, the last of which is short."""
    student, data = network(0), split(20)
    method = build_method(name, {})
    known = (1, 8, 8), 3, data.labels, RECIPE.epochs
    method.prepare(Context(student, None, *known, batch_size=RECIPE.batch_size))
    history = fit(student, method, data, split(10, 1), RECIPE, seed=5, **more).history
    return student, method, history


@pytest.fixture(scope="module")
def uninterrupted():
    torch.set_num_threads(1)
    return cache(course)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("steps", sample((1, 4, 5, 8), (5,)))
def test_cut_off_before_any_step_it_goes_on_to_the_same_bits(tmp_path, uninterrupted, name, steps):
    callback = StopsAfter(steps)
    with pytest.raises(Stopped):
        course(name, callback=callback, checkpoints=Checkpoints(tmp_path, 1000, callback.ending))
    student, method, history = course(name, checkpoints=Checkpoints(tmp_path, 1000, StopSignal()))
    plain, plain_method, plain_history = uninterrupted(name)
    for ours, theirs in ((student, plain), (method, plain_method)):
        for key, value in ours.state_dict().items():
            assert torch.equal(value, theirs.state_dict()[key]), key
    losses = [[row["loss"] for row in rows] for rows in (history, plain_history)]
    assert losses[0] == losses[1]


def test_what_they_learn_from_is_there(uninterrupted):
    for name, term in (("ps_kd", "self"), ("cs_kd", "kd"), ("dlb", "kd")):
        assert all(row[f"loss_{term}"] > 0 for row in uninterrupted(name)[2]), name
    assert set(uninterrupted("dlb")[1].samples.tolist()) - {-1} <= set(range(20))
