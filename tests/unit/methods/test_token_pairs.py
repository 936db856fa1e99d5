"""Every method that reads feature maps, on pairs with networks of tokens: it learns, or says why not."""

import pytest
import torch
from tiers import sample
from token_networks import CLASSES, SIDE, pictures, tiny
from token_pairs import NAMES, PAGE, PAIRS, result, step, table, written

from kd.distillation.base import Context
from kd.distillation.combined import build_method
from kd.errors import UserError
from kd.settings.recipe import Recipe
from kd.teachers.teacher import LiveTeacher
from kd.training.engine import fit

pytestmark = pytest.mark.usefixtures("one_thread")
QUICK = ("CNN → ViT",)
WITH_RELU, TOKEN, ENTRY = "has GELU and no ReLU", "and it reads a class token", "which take class tokens too"
REFUSED = {("ab", pair): WITH_RELU for pair in ("ViT → CNN", "ViT → ViT", "Swin → CNN")}
REFUSED |= {("ofd", pair): WITH_RELU for _, pair in REFUSED}
REFUSED |= {("norm", pair): TOKEN for pair in ("CNN → ViT", "ViT → ViT")}
REFUSED |= {("simkd", pair): TOKEN for pair in ("ViT → CNN", "ViT → ViT")}
REFUSED |= {
    (name, pair): TOKEN
    for name in ("catkd", "sd_dkd", "sd_kd", "sd_nkd")
    for pair in ("CNN → ViT", "ViT → CNN", "ViT → ViT")
}
REFUSED |= {("fcfd", pair): ENTRY for pair in ("CNN → ViT", "ViT → CNN", "ViT → ViT")}


@pytest.fixture(autouse=True)
def _timm(request):
    if "Mixer" in str(request.node.name):
        pytest.importorskip("timm", reason="timm is optional: envs/requirements-timm.txt")


@pytest.mark.parametrize("pair", sample(PAIRS, QUICK))
@pytest.mark.parametrize("name", NAMES)
def test_one_step(name, pair):
    if (name, pair) in REFUSED:
        with pytest.raises(UserError, match=REFUSED[name, pair]):
            step(name, pair)
        return
    terms, student, method = step(name, pair)
    assert all(term.shape == () and term.isfinite() for phase in terms for term in phase.values())
    gradients = [parameter.grad for parameter in student.parameters() if parameter.grad is not None]
    assert any(gradient.any() for gradient in gradients)
    own = [parameter.grad for parameter in method.parameters() if parameter.grad is not None]
    assert all(gradient.isfinite().all() for gradient in [*gradients, *own])


@pytest.mark.full
def test_the_page_has_the_table_of_these_steps():
    """`PYTHONPATH=workflow/scripts python tests/support/token_pairs.py` writes it."""
    pytest.importorskip("timm", reason="timm is optional: envs/requirements-timm.txt")
    made = table({(name, pair): result(name, pair) for name in NAMES for pair in PAIRS})
    text = PAGE.read_text(encoding="utf-8")
    assert written(text, made) == text


# What reads the class token, where the classifier does.
@pytest.mark.parametrize("name", ["cc", "crd", "pkt", "rkd", "srrl"])
def test_last_features_of_a_vit_are_its_class_token(name):
    _, student, _ = step(name, "CNN → ViT")
    last = student.network.encoder.layers[-1]
    student.zero_grad()
    terms, *_ = step(name, "CNN → ViT")
    assert set(terms[0]) - {"ce"}
    assert last.mlp[3].weight.grad.any()


@pytest.mark.parametrize("name", ["srrl", "simkd"])
def test_features_that_may_be_negative_are_reached(name):
    """Of a Swin, whose last maps are those of a norm: behind a ReLU none of the negative ones would be."""
    _, student, method = step(name, "Swin → CNN")
    end = student.stages[-1][-1] if name == "simkd" else method.connector[-1]
    assert not isinstance(end, torch.nn.ReLU)
    _, _, method = step("srrl", "CNN → ViT")
    assert isinstance(method.connector[-1], torch.nn.ReLU)


def test_the_peers_of_a_deit_are_no_single_classifier():
    pytest.importorskip("timm", reason="timm is optional: envs/requirements-timm.txt")
    for name in ("srrl", "simkd"):
        with pytest.raises(UserError, match=r"deit: its logits are not one linear layer|reads a class token"):
            build_method(name, {}).prepare(
                Context(tiny("swin"), tiny("deit"), (3, SIDE, SIDE), CLASSES, torch.arange(20) % 7, 1)
            )


@pytest.mark.parametrize(("name", "kind"), [("deit", "deit"), ("ofa", "vit"), ("at", "mixer")])
def test_a_training_through_the_engine(name, kind):
    """What is learnt of the teacher falls; the last batch is short."""
    if kind != "vit":
        pytest.importorskip("timm", reason="timm is optional: envs/requirements-timm.txt")
    student, teacher, data = tiny(kind), tiny("swin", 1), pictures(40)
    method = build_method(name, {"weight": 10} if name == "at" else {})
    method.prepare(Context(student, teacher, (3, 8, 8), CLASSES, data.labels, 4))
    recipe = Recipe(epochs=4, batch_size=16, lr=0.05)
    options = {"seed": 5, "teacher": LiveTeacher(teacher, stages="stages" in method.NEEDS)}
    history = fit(student, method, data, pictures(10, 1), recipe, **options).history
    term = {"deit": "loss_token", "ofa": "loss_stages", "at": "loss_at"}[name]
    assert history[-1][term] < history[0][term]
