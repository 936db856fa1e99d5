"""What every method with modules of its own must do: any two architectures, small batches, dead maps, defaults."""

import pytest
import torch
from batches import batch_of
from parts import LABELS, Shaped, context_of, prepared, random_outputs, real_batch, real_pair
from tiers import sample

from kd.distillation.base import Context
from kd.distillation.combined import build_method
from kd.errors import UserError

pytestmark = pytest.mark.usefixtures("one_thread")
NETWORKS = (
    "cnn",
    "resnet18",
    "vgg16",
    "mobilenet",
    "shufflenetv2",
    "densenet",
    "googlenet",
    "preact_resnet18",
    "resnet8x4",
)
PHASES = {  # what learns in which phase, of the methods that have two
    ("ab", True): {"connectors"},
    ("ab", False): set(),
    ("ft", True): {"encoder", "decoder"},
    ("ft", False): {"translator"},
    ("sskd", True): {"teacher_head"},
    ("sskd", False): {"student_head"},
}
WITHOUT_STUDENT = {("ft", True), ("sskd", True)}
DESCRIBED = {
    "crd": "CE + 0.8·CRD, τ=0.07, 16384 negatives",
    "reviewkd": "CE + 1·ReviewKD, warm-up 20 epochs",
    "srrl": "CE + 1·FM + 1·SR",
    "simkd": "1·MSE of features, with the teacher's classifier",
    "ab": "AB (30 epochs), then 0.1·CE + 0.9·T²·KL, T=4",
    "ft": "paraphraser (30 epochs), then CE + 500·FT",
    "dml": "CE + 1·KL, mutually with an untrained peer",
    "byot": "CE + Σ heads (0.7·CE + 0.3·T²·KL + 0.03·L2), T=3",
    "srd": "CE + 2·SRD, power 4 + 1·T²·KL, T=1",
    "vkd": "CE + 1·VkD + 1·T²·KL, T=1",
    "pefd": "CE + 25·PEFD, 3 projectors",
    "itrd": "CE + 2·correlation + 1·mutual (ITRD), alpha 1.01",
    "pad": "CE + 1·PAD-L2 (0.77 of the epochs L2)",
    "mgd": "CE + 0.0012·MGD, 0.15 masked",
    "catkd": "CE + 40·CAT, 2x2",
    "ickd": "CE + 2.5·ICKD",
    "wkd_f": "CE + 0.08·(4·mean + deviation) (WKD-F)",
    "semckd": "CE + 100·SemCKD + 1·T²·KL, T=4",
    "nd": "CE + 2·ND",
    "norm": "CE + 1·NORM, N=8",
    "fcfd": "CE + 5·FCFD + 1·T²·KL + 1·T²·KL of mixed paths, T=4, warm-up 20 epochs",
    "sskd": "self-supervision (60 epochs), then 0.1·CE + 0.9·T²·KL + 2.7·T²·KL of turned images"
    " + 10·similarity (SSKD), T=4",
    "diffkd": "CE + 1·features + 1·T²·KL, denoised (DiffKD), T=1",
}
DEFAULTS = {
    "crd": {"weight": 0.8, "temperature": 0.07, "dimensions": 128, "negatives": 16384, "momentum": 0.5},
    "reviewkd": {"weight": 1.0, "warm_up": 20.0},
    "srrl": {"feature_weight": 1.0, "regression_weight": 1.0},
    "simkd": {"weight": 1.0, "factor": 2},
    "ab": {"preliminary": 30, "margin": 1.0, "temperature": 4.0, "ce_weight": 0.1, "kd_weight": 0.9},
    "ft": {"weight": 500.0, "rate": 0.5, "preliminary": 30, "reconstruction": "l1", "preliminary_lr": None},
    "dml": {"weight": 1.0, "preliminary": 0},
    "byot": {"alpha": 0.3, "feature_weight": 0.03, "temperature": 3.0},
    "srd": {"feature_weight": 2.0, "exponent": 4.0, "kd_weight": 1.0, "temperature": 1.0},
    "vkd": {"weight": 1.0, "kd_weight": 1.0, "temperature": 1.0},
    "pefd": {"weight": 25.0, "projectors": 3},
    "itrd": {"correlation_weight": 2.0, "mutual_weight": 1.0, "alpha": 1.01},
    "pad": {"weight": 1.0, "plain_share": 0.77},
    "mgd": {"weight": 0.0012, "masked_share": 0.15},
    "catkd": {"weight": 40.0, "size": 2, "normalize": True},
    "ickd": {"weight": 2.5},
    "wkd_f": {"weight": 0.08, "mean_weight": 4.0, "constant_share": 0.625},
    "semckd": {"weight": 100.0, "samples": 64, "kd_weight": 1.0, "temperature": 4.0},
    "nd": {"weight": 2.0},
    "norm": {
        "ce_weight": 1.0,
        "weight": 1.0,
        "kd_weight": 0.0,
        "temperature": 4.0,
        "segments": 8,
        "constant": False,
    },
    "fcfd": {
        "weight": 5.0,
        "kd_weight": 1.0,
        "mixed_weight": 1.0,
        "temperature": 4.0,
        "warm_up": 20.0,
    },
    "sskd": {
        "preliminary": 60,
        "ce_weight": 0.1,
        "kd_weight": 0.9,
        "turned_weight": 2.7,
        "similarity_weight": 10.0,
        "temperature": 4.0,
        "similarity_temperature": 0.5,
        "turned_share": 1.0,
        "similarity_share": 0.75,
    },
    "diffkd": {
        "weight": 1.0,
        "kd_weight": 1.0,
        "noise_weight": 1.0,
        "temperature": 1.0,
        "compressed": 0.5,
    },
}
ALL_AT_ONCE = {"pad": {"plain_share": 0.0}}  # the variance would have no part in the first epochs
EVERY = pytest.mark.parametrize("name", DESCRIBED)


@EVERY
def test_defaults_are_those_published(name):
    method = build_method(name, {})
    assert {option: getattr(method, option) for option in DEFAULTS[name]} == DEFAULTS[name]
    assert method.describe() == DESCRIBED[name]


def test_the_memory_is_named_where_it_is_not_the_papers():
    assert build_method("crd", {"memory": "queue"}).describe().endswith("16384 negatives, queue")
    with pytest.raises(ValueError, match="'bank' or 'queue'"):
        build_method("crd", {"memory": "pile"})


@EVERY
@pytest.mark.parametrize("size", sample((8, 32), (8,)))
@pytest.mark.parametrize("number", sample(range(len(NETWORKS)), (1,)))
def test_any_two_architectures_fit(name, size, number):
    """Each is a student once at 8 and once at 32 pixels, of another teacher; a batch of two."""
    partner = NETWORKS[(number + 1 + size // 8) % len(NETWORKS)]
    student, teacher = real_pair(NETWORKS[number], partner, size)
    images, labels = torch.randn(2, 3, size, size), torch.arange(20) % 7
    method = build_method(name, {})
    method.prepare(context_of(student, teacher, size, labels))
    trained = {key for key, parameter in method.named_parameters() if parameter.requires_grad}
    for preliminary in [True, False][not method.preliminary :]:
        for parameter in [*student.parameters(), *method.parameters()]:
            parameter.grad = None
        terms = method.losses(real_batch(student, teacher, images, labels[:2], preliminary=preliminary))
        assert all(term.shape == () and term.isfinite() for term in terms.values())
        sum(terms.values()).backward()
        gradients = {key: p.grad for key, p in method.named_parameters() if p.grad is not None}
        parts = PHASES.get((name, preliminary))
        expected = trained if parts is None else {key for key in trained if key.split(".")[0] in parts}
        assert gradients.keys() == expected
        assert all(gradient.isfinite().all() for gradient in gradients.values())
        taught = any(p.grad is not None and p.grad.any() for p in student.parameters())
        assert taught == ((name, preliminary) not in WITHOUT_STUDENT)
    assert all(parameter.grad is None for parameter in teacher.parameters())


@EVERY
def test_every_part_gets_a_gradient_that_is_not_zero(name):
    student, teacher = real_pair("cnn", "resnet8x4", 8)
    images, labels = torch.randn(8, 3, 8, 8), torch.arange(20) % 7
    method = build_method(name, ALL_AT_ONCE.get(name, {}))
    method.prepare(context_of(student, teacher, 8, labels))
    for preliminary in [True, False][not method.preliminary :]:
        batch = real_batch(student, teacher, images, labels[:8], preliminary=preliminary)
        sum(method.losses(batch).values()).backward()
    for key, parameter in method.named_parameters():
        absorbed = name in ("byot", "dml") and key.endswith("0.bias")  # a norm takes it away again
        if parameter.requires_grad and not absorbed:
            assert parameter.grad.any(), key


@pytest.mark.parametrize(
    "name", [name for name in DESCRIBED if name not in ("simkd", "dml", "sskd", "fcfd", "norm")]
)
def test_maps_of_zeros_give_no_nan(name):
    method = prepared(name)
    student, teacher = random_outputs()
    for preliminary in [True, False][not method.preliminary :]:
        dead = tuple(torch.zeros_like(stage).requires_grad_() for stage in student.stages)
        none = tuple(torch.zeros_like(stage) for stage in teacher.stages)
        batch = batch_of((student.logits, dead), (teacher.logits, none), LABELS, preliminary=preliminary)
        loss = sum(method.losses(batch).values())
        loss.backward()
        assert loss.isfinite()
        assert all(stage.grad is None or stage.grad.isfinite().all() for stage in dead)
        assert all(p.grad is None or p.grad.isfinite().all() for p in method.parameters())


@pytest.mark.parametrize("name", [name for name in DESCRIBED if name not in ("dml", "byot")])
def test_a_teacher_without_stages_is_refused(name):
    context = Context(Shaped([(3, 8, 8)]), torch.nn.Linear(1, 1), (1, 8, 8), 3, LABELS, 5)
    with pytest.raises(UserError, match="compares feature maps, and the teacher has none that could be"):
        build_method(name, {}).prepare(context)


@EVERY
def test_nothing_is_read_back(name, monkeypatch):
    """A CUDA graph cannot be recorded of a step that looks at a number."""
    student, teacher = real_pair("cnn", "resnet8x4", 8)
    labels = torch.arange(20) % 7
    method = build_method(name, {})
    method.prepare(context_of(student, teacher, 8, labels))
    for reading in ("item", "tolist", "__bool__", "__int__", "__float__", "cpu", "numpy"):
        monkeypatch.setattr(torch.Tensor, reading, _refused)
    for preliminary in [True, False][not method.preliminary :]:
        images = torch.randn(4, 3, 8, 8)
        method.losses(real_batch(student, teacher, images, labels[:4], preliminary=preliminary))


def _refused(*_):
    raise AssertionError("a tensor was read back")


@EVERY
def test_buffers_stay_where_they_are(name):
    student, teacher = real_pair("cnn", "resnet8x4", 8)
    labels = torch.arange(20) % 7
    method = build_method(name, {})
    method.prepare(context_of(student, teacher, 8, labels))
    places = {key: buffer.data_ptr() for key, buffer in method.named_buffers()}
    method.losses(real_batch(student, teacher, torch.randn(4, 3, 8, 8), labels[:4]))
    assert {key: buffer.data_ptr() for key, buffer in method.named_buffers()} == places
