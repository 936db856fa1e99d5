"""Methods that compare features: which feature maps, weights, terms and gradients."""

import itertools

import pytest
import torch
from batches import batch_of
from features_by_hand import near, paper_cc
from parts import real_batch, real_pair
from torch.nn import functional

from kd.distillation.base import Context
from kd.distillation.combined import build_method
from kd.errors import UserError
from kd.methods.at import at_loss
from kd.methods.fsp import fsp_loss
from kd.methods.kdsvd import kdsvd_loss
from kd.methods.nst import nst_loss
from kd.methods.pkt import pkt_loss
from kd.methods.rkd import rkd_angle_loss, rkd_distance_loss
from kd.methods.sp import sp_loss
from kd.methods.vid import vid_loss
from kd.registry import methods

pytestmark = pytest.mark.usefixtures("one_thread")
SHAPES = [(3, 8, 8), (4, 4, 4), (5, 2, 2)]
TEACHER_SHAPES = [(6, 8, 8), (7, 4, 4), (5, 2, 2)]
NAMES = ["at", "cc", "fitnet", "fsp", "kdsvd", "nst", "pkt", "rkd", "sp", "vid"]
TWO_STAGES = {"fitnet", "fsp"}


class Staged(torch.nn.Module):
    """Puts out maps of specified shapes, whatever it is shown."""

    def __init__(self, shapes):
        super().__init__()
        self.shapes, self.any, self.stages = shapes, torch.nn.Parameter(torch.zeros(1)), ()

    def forward_stages(self, images):
        return [torch.zeros(len(images), *shape) for shape in self.shapes], None


def context(student=SHAPES, teacher=TEACHER_SHAPES):
    networks = Staged(student), Staged(teacher)
    return Context(*networks, (3, 8, 8), 10, torch.zeros(20, dtype=torch.int64), 10)


def prepared(name, student=SHAPES, teacher=TEACHER_SHAPES, **options):
    torch.manual_seed(0)
    method = build_method(name, options)
    method.prepare(context(student, teacher))
    return method


def outputs(shapes=SHAPES, seed=0, samples=6):
    random = torch.Generator().manual_seed(seed)
    stages = tuple(torch.randn(samples, *shape, generator=random).relu() + 0.01 for shape in shapes)
    return torch.randn(samples, 10, generator=random), stages


def a_batch(preliminary=False, **more):
    student, teacher = outputs(), outputs(TEACHER_SHAPES, 1)
    return batch_of(student, teacher, torch.arange(6), preliminary=preliminary, **more)


TERMS = {
    "at": lambda s, t: 1000 * sum(at_loss(*pair) for pair in zip(s, t, strict=True)),
    "cc": lambda s, t: 100 * paper_cc(s[-1].mean((2, 3)), t[-1].mean((2, 3))),
    "nst": lambda s, t: 50 * sum(nst_loss(*pair) for pair in zip(s, t, strict=True)),
    "pkt": lambda s, t: 30000 * pkt_loss(s[-1].mean((2, 3)), t[-1].mean((2, 3))),
    "rkd_distance": lambda s, t: 25 * rkd_distance_loss(s[-1].mean((2, 3)), t[-1].mean((2, 3))),
    "rkd_angle": lambda s, t: 50 * rkd_angle_loss(s[-1].mean((2, 3)), t[-1].mean((2, 3))),
    "sp": lambda s, t: 3000 * sp_loss(s[-1], t[-1]),
}


@pytest.mark.parametrize("term", TERMS)
def test_terms_have_the_published_weights_and_sum_over_the_pairs(term):
    batch = a_batch()
    terms = prepared(term.split("_")[0]).losses(batch)
    near(terms[term], TERMS[term](batch.student.stages, batch.teacher.stages))
    near(terms["ce"], functional.cross_entropy(batch.student.logits, batch.labels))
    assert set(terms) == ({"ce", "rkd_distance", "rkd_angle"} if "rkd" in term else {"ce", term})


def test_vid_sums_over_pairs_with_its_first_variance():
    method, batch = prepared("vid"), a_batch()
    parts = [
        vid_loss(guess.mean(s), t, torch.full(t.shape[1:2], 5.0))
        for guess, s, t in zip(method.guesses, batch.student.stages, batch.teacher.stages, strict=True)
    ]
    near(method.losses(batch)["vid"], sum(parts))


def test_fitnet_regresses_the_middle_stage_to_the_hint():
    method, batch = prepared("fitnet"), a_batch(preliminary=True)
    hint = 100 * functional.mse_loss(method.regressor(batch.student.stages[1]), batch.teacher.stages[1])
    terms = method.losses(batch)
    near(terms["hint"], hint)
    assert set(terms) == {"hint"}


@pytest.mark.parametrize(
    ("asked", "lowest", "expected"),
    [("as_hint", 0, True), ("as_hint", -1, False), ("always", -1, True), ("never", 0, False)],
)
def test_the_regressor_has_the_nonlinearity_of_the_hint(asked, lowest, expected):
    teacher = Staged(TEACHER_SHAPES)
    teacher.forward_stages = lambda images: (
        [torch.full((len(images), *shape), float(lowest)) for shape in TEACHER_SHAPES],
        None,
    )
    method = build_method("fitnet", {"regressor_relu": asked})
    known = (3, 8, 8), 10, torch.zeros(20, dtype=torch.int64), 10
    method.prepare(Context(Staged(SHAPES), teacher, *known))
    convolution, _norm, *relu = method.regressor
    assert [type(layer) for layer in relu] == [torch.nn.ReLU] * expected
    maps = torch.randn(6, *SHAPES[1], dtype=torch.float64)
    x = functional.conv2d(maps, convolution.double().weight)
    x = (x - x.mean((0, 2, 3), keepdim=True)) / (x.var((0, 2, 3), unbiased=False, keepdim=True) + 1e-5).sqrt()
    torch.testing.assert_close(method.regressor.double()(maps), x.clamp(min=0) if expected else x)


def test_fitnet_distils_in_its_second_stage_as_kd_does():
    method, batch = prepared("fitnet"), a_batch()
    expected = build_method("kd", {}).losses(batch)
    terms = method.losses(batch)
    assert {name: term.item() for name, term in terms.items()} == pytest.approx(
        {name: term.item() for name, term in expected.items()}
    )


def test_fitnet_of_one_stage_is_that_of_the_benchmark():
    method, batch = prepared("fitnet", init_epochs=0, ce_weight=1.0, kd_weight=0.0), a_batch()
    terms = method.losses(batch)
    assert (method.preliminary, set(terms)) == (0, {"ce", "hint"})
    near(terms["ce"], functional.cross_entropy(batch.student.logits, batch.labels))
    near(terms["hint"], prepared("fitnet").losses(a_batch(preliminary=True))["hint"])


def test_fsp_first_follows_the_flow_and_then_the_labels():
    method, batch = prepared("fsp"), a_batch(preliminary=True)
    fitted = [fit(stage) for fit, stage in zip(method.fits, batch.student.stages, strict=True)]
    terms = method.losses(batch)
    near(terms["fsp"], fsp_loss(fitted, batch.teacher.stages))
    assert set(terms) == {"fsp"}
    assert set(method.losses(a_batch())) == {"ce"}
    assert set(prepared("fsp", init_epochs=0).losses(a_batch())) == {"ce", "fsp"}


@pytest.mark.parametrize("stem", [True, False])
def test_the_chain_of_fsp_begins_with_the_stems(stem):
    student, teacher = real_pair("resnet8", "wrn_16_1", 8)
    images, labels = torch.randn(4, 3, 8, 8), torch.arange(4)
    method = build_method("fsp", {"stem": stem})
    method.prepare(Context(student, teacher, (3, 8, 8), 7, labels, 3))
    terms = method.losses(real_batch(student, teacher, images, labels, preliminary=True))
    chains = [network.forward_stages(images)[0] for network in (student, teacher)]
    if stem:
        for network, chain in zip((student, teacher), chains, strict=True):
            chain.insert(0, network.stages[0][0](images))
    expected = 0
    flows = [[] for _ in chains]
    for chain, matrices in zip(chains, flows, strict=True):
        for first, second in itertools.pairwise(chain):
            size = second.shape[2:]
            pooled = functional.adaptive_avg_pool2d(first, size)
            matrices.append(torch.einsum("bchw,bdhw->bcd", pooled, second) / size.numel())
    for own, others in zip(*flows, strict=True):
        expected += (own - others).square().mean()
    assert len(flows[0]) == 2 + stem
    near(terms["fsp"], expected)
    assert set(method.losses(real_batch(student, teacher, images, labels))) == {"ce"}


@pytest.mark.parametrize("name", ["fsp", "kdsvd"])
def test_stages_of_equally_many_channels_are_compared_as_they_are(name):
    assert not list(prepared(name, SHAPES, SHAPES).parameters())
    method = prepared(name)
    assert [any(True for _ in fit.parameters()) for fit in method.fits] == [True, True, False]


def test_kdsvd_goes_through_its_regressors():
    method, batch = prepared("kdsvd", weight=3.0), a_batch()
    fitted = [fit(stage) for fit, stage in zip(method.fits, batch.student.stages, strict=True)]
    near(method.losses(batch)["kdsvd"], 3 * kdsvd_loss(fitted, batch.teacher.stages))


@pytest.mark.parametrize(
    ("name", "preliminary"), [*((name, False) for name in NAMES), ("fitnet", True), ("fsp", True)]
)
def test_gradients_go_to_the_student_and_the_methods_own(name, preliminary):
    method, batch = prepared(name), a_batch(preliminary)
    everything = [batch.student.logits, *batch.student.stages, batch.teacher.logits, *batch.teacher.stages]
    for tensor in everything:
        tensor.requires_grad_()
    method.requires_grad_(True)
    terms = method.losses(
        batch_of(
            (batch.student.logits, batch.student.stages),
            (batch.teacher.logits.detach(), tuple(stage.detach() for stage in batch.teacher.stages)),
            torch.arange(6),
            preliminary=preliminary,
        )
    )
    sum(terms.values()).backward()
    got = [stage.grad is not None and bool(stage.grad.any()) for stage in batch.student.stages]
    expected = {
        "fitnet": [False, preliminary, False],
        "fsp": [preliminary] * 3,
        **{last: [False, False, True] for last in ("cc", "pkt", "rkd", "sp")},
    }.get(name, [True, True, True])
    assert got == expected
    assert (batch.student.logits.grad is not None) == (not preliminary)
    assert batch.teacher.logits.grad is None
    assert all(stage.grad is None for stage in batch.teacher.stages)
    learns = name not in TWO_STAGES or preliminary
    for parameter in method.parameters():
        assert (parameter.grad is not None and bool(parameter.grad.any())) == learns


@pytest.mark.parametrize("name", NAMES)
def test_a_batch_of_two_is_enough(name):
    student, teacher = outputs(samples=2), outputs(TEACHER_SHAPES, 1, samples=2)
    for preliminary in (False, True):
        terms = prepared(name).losses(batch_of(student, teacher, preliminary=preliminary))
        assert all(torch.isfinite(term) and term.shape == () for term in terms.values())


DESCRIBED = {
    "at": ({"weight": 1000.0, "last_sum": False}, "CE + 1000·AT"),
    "cc": (
        {"weight": 100.0, "gamma": 0.4, "order": 2, "formula": "kernel", "dimensions": 128},
        "CE + 100·CC, gamma=0.4, order 2",
    ),
    "fitnet": (
        {"init_epochs": 30, "weight": 100.0, "ce_weight": 0.1, "kd_weight": 0.9, "temperature": 4.0}
        | {"init_lr": None, "regressor_relu": "as_hint"},
        "30 epochs of 100·hint, then 0.1·CE + 0.9·T²·KL, T=4",
    ),
    "fsp": (
        {"init_epochs": 30, "weight": 1.0, "init_lr": None, "stem": True, "last_sum": False},
        "30 epochs of 1·FSP, then CE",
    ),
    "kdsvd": ({"weight": 1.0, "last_sum": False}, "CE + 1·KDSVD"),
    "nst": ({"weight": 50.0, "last_sum": False}, "CE + 50·NST"),
    "pkt": ({"weight": 30000.0}, "CE + 30000·PKT"),
    "rkd": ({"distance_weight": 25.0, "angle_weight": 50.0}, "CE + 25·RKD-D + 50·RKD-A"),
    "sp": ({"weight": 3000.0, "last_sum": False}, "CE + 3000·SP"),
    "vid": ({"weight": 1.0, "last_sum": False}, "CE + 1·VID"),
}


@pytest.mark.parametrize("name", NAMES)
def test_defaults_and_description(name):
    defaults, words = DESCRIBED[name]
    assert dict(methods()[name].options()) == defaults
    assert methods()[name].constants["NEEDS"] == ("stages",)
    method = build_method(name, {})
    assert method.describe() == words
    assert method.preliminary == defaults.get("init_epochs", 0)


def test_forms_of_one_stage_say_so():
    fitnet = build_method("fitnet", {"init_epochs": 0, "ce_weight": 1.0, "kd_weight": 0.0})
    assert fitnet.describe() == "100·hint + 1·CE"
    assert build_method("fsp", {"init_epochs": 0, "weight": 50.0}).describe() == "CE + 50·FSP"


@pytest.mark.parametrize("name", ["fsp", "kdsvd"])
def test_one_common_resolution_has_no_next(name):
    with pytest.raises(UserError, match=r"two or more of the same resolutions; the student has 8x8, the"):
        prepared(name, [(3, 8, 8)], TEACHER_SHAPES)


def test_attention_of_one_pixel_is_refused():
    with pytest.raises(UserError, match="one pixel"):
        prepared("at", [(3, 1, 1)], TEACHER_SHAPES)


@pytest.mark.parametrize("name", NAMES)
def test_an_ensemble_has_no_stages_to_compare(name):
    networks = Staged(SHAPES), torch.nn.Linear(3, 3)
    with pytest.raises(UserError, match="the teacher has none"):
        build_method(name, {}).prepare(Context(*networks, (3, 8, 8), 10, torch.zeros(1), 10))
