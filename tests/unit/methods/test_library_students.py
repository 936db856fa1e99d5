"""SimKD, NORM and FCFD with networks of libraries: trained, cut off, saved, loaded and exported."""

# ruff: noqa: F811 (fixtures of another file, which pytest asks for by name)

import copy

import numpy as np
import onnxruntime
import pytest
import torch
from library_networks import build
from parts import real_batch
from small_jobs import dataset, job, run, teacher  # noqa: F401 (fixtures)
from small_training import StopsAfter
from tiers import sample
from token_networks import CLASSES, SIDE, pictures, tiny
from torchvision import models

from kd.data.dataset import read_dataset
from kd.data.views import ViewedImages
from kd.distillation.base import Context
from kd.distillation.combined import build_method, build_methods
from kd.errors import UserError
from kd.evaluation.metrics import evaluate
from kd.export.fresh import fresh_network
from kd.export.onnx_file import write_program
from kd.export.program import WithNormalisation, program_of
from kd.networks.checkpoint import load_network
from kd.networks.factory import build_network
from kd.networks.size import count_parameters
from kd.runtime.signals import Stopped, StopSignal
from kd.settings.recipe import Recipe
from kd.teachers.teacher import LiveTeacher
from kd.training.checkpoints import Checkpoints
from kd.training.engine import fit

pytestmark = pytest.mark.usefixtures("one_thread")
CPU = torch.device("cpu")
SMALL = "torchvision/shufflenet_v2_x0_5"
LABELS = torch.tensor([0, 3, 5, 0])


def cnn():
    torch.manual_seed(1)
    return build_network("cnn", {"channels": (6, 8, 10)}, 3, CLASSES).eval().requires_grad_(False)


# --- One step.

WITHOUT = {  # parameters that no loss is for, by their first names
    "simkd": {"head.classifier"},
    "norm": set(),
    "fcfd": set(),
}


@pytest.mark.parametrize(
    ("name", "kind"),
    sample(
        [(name, kind) for name in WITHOUT for kind in (SMALL, "swin", "mixer", "timm/resnet18")],
        [("simkd", "swin"), ("norm", "swin"), ("fcfd", "swin")],
    ),
)
def test_all_of_the_student_learns(name, kind):
    student, side = (build(kind, stem="cifar"), 32) if "/" in kind else (tiny(kind), SIDE)
    torch.nn.init.normal_(student.network.get_submodule(student._last).weight)  # some begin as zeros
    taught_by, images = cnn(), torch.randn(4, 3, side, side, generator=torch.Generator().manual_seed(1))
    method = build_method(name, {})
    method.prepare(Context(student.train(), taught_by, (3, side, side), CLASSES, LABELS, 3))
    terms = method.losses(real_batch(student, taught_by, images, LABELS))
    sum(terms.values()).backward()
    without = {key for key, parameter in student.named_parameters() if parameter.grad is None}
    assert {key.rpartition(".")[0] for key in without} == WITHOUT[name]
    assert all(parameter.grad is not None for parameter in method.parameters())


def through(network, number, maps):
    """The logits of torchvision's ResNet for what its block `number` put out, block by block."""
    inside = network.network
    for block in [inside.layer1, inside.layer2, inside.layer3, inside.layer4][number + 1 :]:
        maps = block(maps)
    return inside.fc(maps.mean(dim=(2, 3)))


@pytest.mark.full
def test_mixed_paths_of_two_resnets_of_torchvision():
    """Of four blocks three can be entered in each, which makes six paths, two of which count."""
    student = build("torchvision/resnet18", stem="cifar").train()
    taught_by = build("torchvision/resnet18", stem="cifar").eval().requires_grad_(False)
    method = build_method("fcfd", {"temperature": 1.0, "mixed_weight": 3.0})
    method.prepare(Context(student, taught_by, (3, 16, 16), 7, LABELS, 3))
    images = torch.randn(4, 3, 16, 16, generator=torch.Generator().manual_seed(1))
    one, two, bridges = copy.deepcopy(student), copy.deepcopy(student), copy.deepcopy(method)
    terms = method.losses(real_batch(student, taught_by, images, LABELS))
    with torch.no_grad():
        stages, _ = one.forward_stages(images)
        expected, target = taught_by.forward_stages(images)
        p, total = target.softmax(1), 0.0
        for number in range(3):
            there = through(taught_by, number, bridges.bridges[number](stages[number]))
            here = through(two, number, bridges.back[number](expected[number]))
            total += sum((p * (p.log() - end.log_softmax(1))).sum(1).mean().item() for end in (there, here))
    assert terms["mixed"].item() == pytest.approx(3 * total / 6 * 2, rel=1e-4)
    # Its norms remember the step's own images, and nothing of mixed paths.
    remembered = student.state_dict()
    means = [key for key in remembered if key.endswith(("running_mean", "running_var"))]
    assert all(torch.equal(remembered[key], one.state_dict()[key]) for key in means)
    assert not torch.equal(two.state_dict()[means[-1]], one.state_dict()[means[-1]])


@pytest.mark.parametrize("name", ["vgg11", "mobilenet_v3_small"])
@pytest.mark.full
def test_norm_asks_for_a_student_whose_classifier_is_one_layer(name):
    student = build(f"torchvision/{name}", input_size=64)
    with pytest.raises(
        UserError, match=f"torchvision/{name}: its logits are not one linear layer on the means"
    ):
        build_method("norm", {}).prepare(Context(student, cnn(), (3, 32, 32), 7, LABELS, 3))


# --- Whole trainings.


def course(name, kind, epochs=2, **more):
    """Three steps an epoch, the last of which is short; the maps of both networks are of unlike sizes."""
    student, taught_by, data = (tiny(kind), cnn(), pictures(20))
    method = build_method(name, {})
    torch.manual_seed(7)
    method.prepare(Context(student, taught_by, (3, 8, 8), CLASSES, data.labels, epochs))
    recipe = Recipe(epochs=epochs, batch_size=8, lr=0.05)
    live = LiveTeacher(taught_by, stages=True)
    history = fit(student, method, data, pictures(10, 1), recipe, seed=5, teacher=live, **more).history
    return student, method, history


CASES = [(name, kind, steps) for name in WITHOUT for kind in ("swin", "mixer") for steps in (2, 5)]


@pytest.mark.full
@pytest.mark.parametrize(("name", "kind", "steps"), [*CASES, ("simkd", "vit", 5)])
def test_cut_off_it_goes_on_to_the_same_bits(tmp_path, name, kind, steps):
    callback = StopsAfter(steps)
    with pytest.raises(Stopped):
        course(name, kind, callback=callback, checkpoints=Checkpoints(tmp_path, 1000, callback.ending))
    torch.manual_seed(99)
    student, method, history = course(name, kind, checkpoints=Checkpoints(tmp_path, 1000, StopSignal()))
    plain, plain_method, plain_history = course(name, kind)
    for ours, theirs in ((student, plain), (method, plain_method)):
        for key, tensor in ours.state_dict().items():
            assert torch.equal(tensor, theirs.state_dict()[key]), key
    assert [row["loss"] for row in history] == [row["loss"] for row in plain_history]


@pytest.mark.parametrize(
    ("name", "term"),
    sample([("simkd", "features"), ("norm", "norm"), ("fcfd", "appearance")], [("simkd", "features")]),
)
def test_what_is_matched_gets_nearer(name, term):
    options = {"norm": {"constant": True}, "fcfd": {"warm_up": 1.0}}.get(name, {})
    student, taught_by, data = tiny("swin"), cnn(), pictures(40)
    method = build_method(name, options)
    method.prepare(Context(student, taught_by, (3, 8, 8), CLASSES, data.labels, 5))
    recipe = Recipe(epochs=5, batch_size=10, lr=0.05)
    live = LiveTeacher(taught_by, stages=True)
    history = fit(student, method, data, pictures(10, 1), recipe, seed=5, teacher=live).history
    assert history[-1][f"loss_{term}"] < 0.9 * history[0][f"loss_{term}"]


def trained(name, folder, dataset, teacher, architecture=SMALL, options=None):
    """Metrics of a student that the script trained on grey images of three classes and 8x8 pixels."""
    options = {"stem": "cifar"} if options is None else options
    what = job("distilled", teacher="big", method_name=name, methods=[(name, {})])
    what = what.model_copy(update={"architecture": architecture, "options": options})
    return run(folder, dataset, what, teacher_model=teacher[0] / "model.safetensors")


def scores(network, path, part="test"):
    data = read_dataset(path)
    images, labels = (data.tensors()[f"{part}_{what}"] for what in ("images", "labels"))
    return evaluate(network, ViewedImages(images, data.augmentation, data.mean, data.std), labels)


def plain_parameters():
    """Of torchvision's own network for three classes, with one channel and 3x3 pixels in its first layer, as before."""
    network = models.shufflenet_v2_x0_5(num_classes=3)
    return sum(parameter.numel() for parameter in network.parameters()) - 2 * 24 * 9


# The teacher has 8 channels: its projector is 1024 → 4 → 4 → 8 with three norms, its classifier 8·3 + 3.
CHANGED = {"simkd": 1024 * 4 + 8 + 144 + 8 + 32 + 16 + 27 - (1024 * 3 + 3), "norm": 0, "fcfd": 0}


@pytest.mark.full
@pytest.mark.parametrize("name", CHANGED)
def test_its_file_alone_is_the_student(dataset, teacher, tmp_path, name):
    metrics = trained(name, tmp_path, dataset, teacher)
    assert metrics["parameters"] == plain_parameters() + CHANGED[name]
    loaded = load_network(tmp_path / "model.safetensors", CPU)
    score = scores(loaded, dataset)
    assert np.array_equal(score.logits.numpy(), np.load(tmp_path / "test_logits.npy"))
    assert metrics["test_accuracy"] == score.accuracy
    assert (loaded.head is None) == (name != "simkd")
    if name == "simkd":
        taught_by = load_network(teacher[0] / "model.safetensors", CPU)
        assert torch.equal(loaded.classifier.weight, taught_by.classifier.weight)
    else:
        validation = scores(loaded, dataset, "validation").logits.numpy()
        assert np.allclose(validation, np.load(tmp_path / "validation_logits.npy"), rtol=1e-3, atol=1e-4)


@pytest.mark.full
@pytest.mark.parametrize(
    ("name", "architecture", "options"),
    [
        ("simkd", SMALL, {"stem": "cifar"}),
        ("norm", SMALL, {"stem": "cifar"}),
        ("simkd", "timm/test_vit", {"input_size": 32}),
    ],
)
def test_exported_it_answers_the_same(dataset, teacher, tmp_path, name, architecture, options):
    """In a graph of PyTorch and in ONNX, for batches of any size."""
    if architecture.startswith("timm"):
        pytest.importorskip("timm", reason="timm is optional: envs/requirements-timm.txt")
    trained(name, tmp_path, dataset, teacher, architecture, options)
    loaded = load_network(tmp_path / "model.safetensors", CPU)
    network = WithNormalisation(loaded, [0.5], [0.25])
    pixels = torch.randint(0, 256, (5, 1, 8, 8), dtype=torch.uint8)
    with torch.no_grad():
        expected = network(pixels)
        program = program_of(network, (1, 8, 8))
        torch.testing.assert_close(program.module()(pixels), expected, rtol=1e-4, atol=1e-4)
    write_program(program, tmp_path / "model.onnx", {})
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx")
    (logits,) = session.run(None, {"images": pixels.numpy()})
    np.testing.assert_allclose(logits, expected.numpy(), rtol=1e-3, atol=1e-4)


@pytest.mark.full
def test_compiled_it_gives_the_same():
    student = tiny("swin")
    build_method("simkd", {}).prepare(Context(student, cnn(), (3, 8, 8), CLASSES, LABELS, 3))
    images = torch.randn(2, 3, 8, 8)
    with torch.no_grad():
        compiled = torch.compile(student.eval(), backend="aot_eager", fullgraph=True)
        torch.testing.assert_close(compiled(images), student(images))


@pytest.mark.full
def test_it_teaches_the_next_generation():
    """Built again from what is known of it, as its latency is measured; its pupil has a projector to its maps."""
    wide = {"architecture": "cnn", "options": {"channels": [8, 8]}}
    own = {"architecture": SMALL, "options": {"stem": "cifar"}}
    network = fresh_network(own | {"methods": [("simkd", {})], "by": [wide]}, (1, 8, 8), 3)
    assert count_parameters(network) == plain_parameters() + CHANGED["simkd"]
    again = fresh_network(own | {"methods": [("simkd", {})], "by": [wide, own]}, (1, 8, 8), 3)
    assert count_parameters(again) == count_parameters(network)
    assert again(torch.zeros(2, 1, 8, 8)).shape == (2, 3)


def test_in_a_sum_the_others_see_the_student_with_its_projector():
    student, taught_by = tiny("swin"), cnn()
    both = build_methods([("fcfd", {}), ("simkd", {})])
    both.prepare(Context(student, taught_by, (3, SIDE, SIDE), CLASSES, LABELS, 3))
    images = torch.randn(4, 3, SIDE, SIDE)
    terms = both.losses(real_batch(student, taught_by, images, LABELS))
    assert set(terms) == {"ce", "kd", "appearance", "mixed", "features"}
    assert all(term.isfinite() for term in terms.values())
    assert both.changes["simkd"]["target"][0] == 10
