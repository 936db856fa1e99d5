"""DeiT's distillation token and OFA-KD, against plain numbers from the papers' formulas and the authors' code."""

from math import log
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from batches import batch_of
from by_hand import LABELS, STUDENT, TEACHER, cross, differs, kl, mean, softened
from token_networks import CLASSES, SIDE, tiny

from kd.distillation.base import Context
from kd.distillation.batch import Output, as_output, outputs_of
from kd.distillation.combined import build_method
from kd.distillation.projectors import MapProjector, TokenProjector
from kd.methods.deit import hard_loss
from kd.methods.ofa import ofa_loss
from kd.networks.factory import build_network
from kd.registry import methods

pytestmark = pytest.mark.usefixtures("one_thread")
TAUGHT = np.random.default_rng(11).normal(size=(5, 7)) * 2  # logits of the distillation token
ROWS = list(zip(STUDENT, TEACHER, LABELS, strict=True))


def heads():
    """An output of a student with two classifiers, both with gradients."""
    own, taught = (torch.tensor(logits, requires_grad=True) for logits in (STUDENT, TAUGHT))
    return own, taught, Output((own + taught) / 2, heads={"class": own, "distillation": taught})


# --- DeiT.


def decisions(logits):
    return [cross(np.eye(7)[int(np.argmax(t))], softened(s)) for s, t in zip(logits, TEACHER, strict=True)]


def test_the_class_token_learns_labels_and_the_distillation_token_decisions():
    own, taught, student = heads()
    terms = build_method("deit", {"alpha": 0.3}).losses(batch_of(student, torch.tensor(TEACHER), LABELS))
    labels = mean(cross(np.eye(7)[y], softened(s)) for s, _, y in ROWS)
    assert terms["ce"].item() == pytest.approx(0.7 * labels, rel=1e-9)
    assert terms["token"].item() == pytest.approx(0.3 * mean(decisions(TAUGHT)), rel=1e-9)
    mistakes = {
        "of the class token": 0.3 * mean(decisions(STUDENT)),
        "of the mean": 0.3 * mean(decisions((STUDENT + TAUGHT) / 2)),
        "the labels": 0.3
        * mean(cross(np.eye(7)[y], softened(t)) for t, y in zip(TAUGHT, LABELS, strict=True)),
    }
    for name, wrong in mistakes.items():
        assert terms["token"].item() != pytest.approx(wrong, rel=1e-3), name
    terms["ce"].backward(retain_graph=True)
    assert taught.grad is None
    expected = [(np.array(softened(s)) - np.eye(7)[y]) * 0.7 / 5 for s, _, y in ROWS]
    assert own.grad.numpy() == pytest.approx(np.array(expected), rel=1e-9)
    own.grad = None
    terms["token"].backward()
    assert own.grad is None
    expected = [
        (np.array(softened(s)) - np.eye(7)[np.argmax(t)]) * 0.3 / 5
        for s, t in zip(TAUGHT, TEACHER, strict=True)
    ]
    assert taught.grad.numpy() == pytest.approx(np.array(expected), rel=1e-9)


@pytest.mark.parametrize("temperature", [1.0, 3.0])
def test_soft_targets_are_those_of_the_paper(temperature):
    """τ² · KL, the mean over samples; the authors' code divides it by the classes too."""
    options = {"targets": "soft", "alpha": 0.1, "temperature": temperature}
    own, taught, student = heads()
    teacher = torch.tensor(TEACHER, requires_grad=True)
    terms = build_method("deit", options).losses(batch_of(student, teacher, LABELS))
    pairs = [
        (softened(t, temperature), softened(s, temperature)) for s, t in zip(TAUGHT, TEACHER, strict=True)
    ]
    right = 0.1 * temperature**2 * mean(kl(p, q) for p, q in pairs)
    assert terms["token"].item() == pytest.approx(right, rel=1e-9)
    of_class = [
        kl(softened(t, temperature), softened(s, temperature)) for s, t in zip(STUDENT, TEACHER, strict=True)
    ]
    mistakes = {
        "over classes too": right / 7,
        "turned round": 0.1 * temperature**2 * mean(kl(q, p) for p, q in pairs),
        "cross-entropy": 0.1 * temperature**2 * mean(cross(p, q) for p, q in pairs),
        "of the class token": 0.1 * temperature**2 * mean(of_class),
        "decisions": 0.1 * mean(decisions(TAUGHT)),
    }
    differs(terms["token"], mistakes | ({} if temperature == 1 else {"no T²": right / temperature**2}))
    terms["token"].backward()
    assert own.grad is None
    assert teacher.grad is None
    # d/dz of τ² · KL is τ · (q − p), and the mean is over five samples.
    gradient = [0.1 * temperature * (np.array(q) - np.array(p)) / 5 for p, q in pairs]
    assert taught.grad.numpy() == pytest.approx(np.array(gradient), rel=1e-9, abs=1e-12)


def test_one_classifier_learns_both():
    student = torch.tensor(STUDENT, requires_grad=True)
    terms = build_method("deit", {}).losses(batch_of(student, torch.tensor(TEACHER), LABELS))
    assert terms["token"].item() == pytest.approx(0.5 * mean(decisions(STUDENT)), rel=1e-9)


def test_decisions_do_not_depend_on_how_sure_the_teacher_is():
    student, teacher = torch.tensor(STUDENT), torch.tensor(TEACHER)
    assert torch.equal(hard_loss(student, teacher), hard_loss(student, 9 * teacher - 4))


# --- OFA-KD.


def enhanced(row, label, gamma, temperature):
    """The authors' target of one sample: (p + y)^gamma − y."""
    p = softened(row, temperature)
    return [(p[c] + (c == label)) ** gamma - (c == label) for c in range(len(p))]


@pytest.mark.parametrize(("gamma", "temperature"), [(1.0, 1.0), (1.5, 1.0), (1.2, 4.0)])
def test_ofa_loss(gamma, temperature):
    student = torch.tensor(STUDENT, requires_grad=True)
    loss = ofa_loss(student, torch.tensor(TEACHER), torch.tensor(LABELS), gamma, temperature)
    targets = [enhanced(t, y, gamma, temperature) for _, t, y in ROWS]
    soft = [softened(s, temperature) for s, _, _ in ROWS]
    right = mean(
        -sum(w * log(q) for w, q in zip(*pair, strict=True)) for pair in zip(targets, soft, strict=True)
    )
    assert loss.item() == pytest.approx(right, rel=1e-9)
    if gamma == 1:  # the cross-entropy with the teacher
        assert right == pytest.approx(
            mean(cross(softened(t, temperature), q) for (_, t, _), q in zip(ROWS, soft, strict=True))
        )
    else:
        kept = right - mean(log(q[y]) for q, y in zip(soft, LABELS, strict=True))
        assert loss.item() != pytest.approx(kept, rel=1e-3), "the label is not subtracted"
        before = [[p**gamma for p in softened(t, temperature)] for _, t, _ in ROWS]
        wrong = mean(
            -sum(w * log(q) for w, q in zip(*pair, strict=True)) for pair in zip(before, soft, strict=True)
        )
        assert loss.item() != pytest.approx(wrong, rel=1e-3), "the label is not enhanced"
    loss.backward()
    # d/dz_c of −Σ w log q = (q_c · Σ w − w_c) / T, and the mean over five samples
    gradient = [
        [(q[c] * sum(w) - w[c]) / temperature / 5 for c in range(7)]
        for w, q in zip(targets, soft, strict=True)
    ]
    assert student.grad.numpy() == pytest.approx(np.array(gradient), rel=1e-9, abs=1e-12)


def test_a_sure_teacher_gives_the_label_more_weight_with_gamma():
    """Of p = ½ for the label: (3/2)² − 1, and (1/2)² of the other."""
    teacher, student = torch.log(torch.tensor([[0.5, 0.5]])), torch.zeros(1, 2)
    losses = [ofa_loss(student, teacher, torch.tensor([0]), gamma, 1.0).item() for gamma in (1.0, 2.0)]
    assert losses == pytest.approx([log(2), (1.25 + 0.25) * log(2)], rel=1e-6)


def student_of(kind):
    torch.manual_seed(0)
    return build_network("cnn", {"channels": (4, 8, 12)}, 3, CLASSES) if kind == "cnn" else tiny(kind)


def ofa(kind, **options):
    student = student_of(kind)
    method = build_method("ofa", options)
    method.prepare(Context(student, None, (3, SIDE, SIDE), CLASSES, torch.arange(20) % CLASSES, 1))
    return student.double().train(), method.double().train()


@pytest.mark.parametrize("kind", ["cnn", "vit", "deit", "mixer", "swin"])
def test_each_stage_learns_by_a_classifier_of_its_own(kind):
    student, method = ofa(kind, gamma=1.5, ce_weight=0.5, kd_weight=2, stage_weight=3)
    made = {"cnn": MapProjector}.get(kind, TokenProjector)
    assert all(isinstance(projector, made) for projector in method.projectors)
    images = torch.randn(4, 3, SIDE, SIDE, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    teacher = torch.randn(4, CLASSES, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    labels = [0, 3, 3, 6]
    logits, stages, named = outputs_of(student, images)
    output = Output(logits, stages, **named)
    terms = method.losses(batch_of(output, teacher, labels))
    tokens = output.tokens or ({},) * len(stages)
    every = zip(method.projectors, stages, tokens, strict=True)
    put_out = [projector(*stage).detach().numpy() for projector, *stage in every]
    taught = [
        mean(
            -sum(w * log(q) for w, q in zip(enhanced(t, y, 1.5, 1), softened(s), strict=True))
            for s, t, y in zip(stage, teacher.numpy(), labels, strict=True)
        )
        for stage in [*put_out, logits.detach().numpy()]
    ]
    assert terms["stages"].item() == pytest.approx(3 * sum(taught[:-1]), rel=1e-8)
    assert terms["kd"].item() == pytest.approx(2 * taught[-1], rel=1e-8)
    sum(terms.values()).backward()
    assert all(
        parameter.grad is not None and parameter.grad.isfinite().all() for parameter in method.parameters()
    )
    assert any(parameter.grad.any() for parameter in method.parameters())


def test_the_classifiers_are_those_of_the_authors():
    """ResNet18's at 224 pixels, and DeiT-T's: parameters by hand.

    Those of tokens have biases of queries, keys and values, which theirs lack.
    """
    stages = [(64, 56, 56), (128, 28, 28), (256, 14, 14), (512, 7, 7)]
    student = SimpleNamespace()
    method = build_method("ofa", {})
    method.prepare(SimpleNamespace(student=student, student_stages=stages, classes=1000))

    def separable(ins, outs):
        return 9 * ins + ins * ins + 2 * ins + 9 * ins + ins * outs + 2 * outs

    head = 512 * 1000 + 1000
    counts = [
        separable(64, 128) + separable(128, 256) + separable(256, 512) + head,
        separable(128, 256) + separable(256, 512) + head,
        separable(256, 512) + head,
        512 * 512 + 512 + head,
    ]
    assert [sum(p.numel() for p in one.parameters()) for one in method.projectors] == counts
    of_tokens = SimpleNamespace(of_tokens=True)
    method = build_method("ofa", {})
    method.prepare(SimpleNamespace(student=of_tokens, student_stages=[(192, 14, 14)] * 4, classes=1000))
    merge = 2 * 4 * 192 + 4 * 192 * 192  # norm and reduction
    block = 4 * 192 + (3 * 192 * 192 + 3 * 192) + (192 * 192 + 192) + 8 * 192 * 192 + 5 * 192
    counts = [merge + blocks * block + 192 * 1000 + 1000 for blocks in (3, 2, 1, 1)]
    assert [sum(p.numel() for p in one.parameters()) for one in method.projectors] == counts
    build_method("ofa", {"width": 768})


def test_every_linear_map_of_a_token_projector_has_the_authors_first_weights():
    """Normal of deviation 0.02, also of queries, keys and values; biases are 0."""
    torch.manual_seed(0)
    projector = TokenProjector((48, 28, 28), 2, 64, 100)
    named = {name: values for name, values in projector.named_parameters() if "norm" not in name}
    weights = {name: values for name, values in named.items() if name.endswith("weight")}
    assert sum("in_proj" in name for name in weights) == 2
    assert {name: values.std().item() for name, values in weights.items()} == pytest.approx(
        dict.fromkeys(weights, 0.02), rel=0.05
    )
    assert not any(values.any() for name, values in named.items() if name.endswith("bias"))


def test_merged_patches_are_neighbours():
    torch.manual_seed(0)
    projector = TokenProjector((3, 28, 28), 0, 4, 2)
    merge = projector.merges[0]
    grid = torch.randn(1, 28, 28, 3, requires_grad=True)
    merge(grid)[0, 2, 5].sum().backward()
    touched = grid.grad[0].abs().sum(dim=2).nonzero().tolist()
    assert touched == [[4, 10], [4, 11], [5, 10], [5, 11]]


def test_the_class_token_is_classified():
    torch.manual_seed(0)
    projector = TokenProjector((8, 2, 2), 1, 8, 3)
    maps, token = torch.randn(2, 8, 2, 2), torch.randn(2, 8)
    with_token = projector(maps, {"class": token})
    assert not torch.allclose(with_token, projector(maps, {}))
    assert not torch.allclose(with_token, projector(maps, {"class": token + torch.randn(2, 8)}))


# --- Both.


@pytest.mark.parametrize("name", ["deit", "ofa"])
def test_stored_logits_are_enough(name):
    assert set(methods()[name].constants["NEEDS"]) == {"logits", "own_stages"}


def test_defaults_and_descriptions():
    deit, one_for_all = build_method("deit", {}), build_method("ofa", {})
    assert (deit.targets, deit.alpha, deit.temperature) == ("hard", 0.5, 1.0)
    assert deit.describe() == "0.5·CE(class token) + 0.5·CE(decisions) (distillation token)"
    soft = build_method("deit", {"targets": "soft", "alpha": 0.1, "temperature": 3})
    assert soft.describe() == "0.9·CE(class token) + 0.1·T²·KL, T=3 (distillation token)"
    assert (one_for_all.gamma, one_for_all.temperature, one_for_all.width) == (1.0, 1.0, 0)
    assert one_for_all.describe() == "1·CE + 1·OFA + 1·Σ stages OFA, gamma=1, T=1"


def test_the_order_of_the_batch_and_shifted_logits_do_not_matter():
    teacher, order = torch.tensor(TEACHER), torch.tensor([4, 2, 0, 1, 3])
    own, taught, _ = heads()

    def terms(name, places, shift):
        pair = own[places] + shift, taught[places] - shift
        student = Output(sum(pair) / 2, heads=dict(zip(("class", "distillation"), pair, strict=True)))
        known = batch_of(student, teacher[places] + 2 * shift, LABELS[places.numpy()])
        if name == "deit":
            return [term.item() for term in build_method("deit", {}).losses(known).values()]
        return [ofa_loss(student.logits, known.teacher.logits, known.labels, 1.5, 2.0).item()]

    for name in ("deit", "ofa"):
        expected = terms(name, torch.arange(5), 0)
        assert terms(name, order, 0) == pytest.approx(expected, rel=1e-12)
        assert terms(name, torch.arange(5), 3.0) == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize("scale", [1e4, 0.0])
def test_extreme_logits_stay_finite(scale):
    labels = torch.tensor([0, 1, 0, 1])
    sure = scale * (torch.nn.functional.one_hot(labels, 3) * 2 - 1)
    student = (sure * torch.tensor([[1], [1], [-1], [-1]])).requires_grad_()
    teacher = sure * torch.tensor([[1], [-1], [1], [-1]])
    terms = build_method("deit", {}).losses(batch_of(student, teacher, labels))
    loss = sum(terms.values()) + ofa_loss(student, teacher, labels, 1.5, 1.0)
    loss.backward()
    assert loss.isfinite()
    assert student.grad.isfinite().all()


@pytest.mark.parametrize(
    ("name", "kind"), [("deit", "deit"), ("ofa", "deit"), ("ofa", "mixer"), ("ofa", "cnn")]
)
def test_nothing_is_read_back_to_the_host(name, kind):
    """Tensors of the meta device have no values to read, so whoever asks for one fails."""
    with torch.device("meta"):
        student, method = student_of(kind), build_method(name, {})
        method.prepare(Context(student, None, (3, SIDE, SIDE), CLASSES, torch.zeros(4), 1))
        output = as_output(*outputs_of(student, torch.zeros(4, 3, SIDE, SIDE)))
        labels = torch.zeros(4, dtype=torch.int64)
        terms = method.losses(batch_of(output, torch.zeros(4, CLASSES), labels, indices=labels))
        sum(terms.values()).backward()
    assert all(term.is_meta and term.shape == () for term in terms.values())
