"""NORM: the transform behind the student's last maps, what is compared inside it, and how it is merged."""

# ruff: noqa: F811 (fixtures of another file, which pytest asks for by name)

import copy

import numpy as np
import pytest
import torch
from features_by_hand import near
from layers_by_hand import affine, array, conv_bn, cross_entropy, divergence
from newer_features_by_hand import norm_by_hand
from parts import context_of, real_batch, real_pair
from small_jobs import dataset, job, run, teacher  # noqa: F401 (fixtures)
from token_networks import tiny

from kd.data.dataset import read_dataset
from kd.data.views import ViewedImages
from kd.distillation.base import Context
from kd.distillation.combined import build_method, build_methods
from kd.errors import UserError
from kd.evaluation.metrics import evaluate
from kd.methods.norm import FeatureTransform, merged, norm_loss, pooled_as, strength_at
from kd.networks.checkpoint import load_network
from kd.networks.factory import build_network
from kd.settings.recipe import Recipe

pytestmark = pytest.mark.usefixtures("one_thread")
LABELS = torch.arange(8) % 7


def disturbed(module):
    """With weights, scales and statistics that are not those they begin with."""
    random = torch.Generator().manual_seed(3)
    for name, tensor in module.state_dict().items():
        if tensor.is_floating_point():
            noise = torch.randn(tensor.shape, generator=random, dtype=torch.float64) * 0.3
            tensor += noise.abs() if name.endswith("var") else noise
    return module


def trained(student="cnn", taught_by="resnet8x4", size=8, options=None):
    """The student in float64 with the transform, which has seen other data than it begins with; its method."""
    pair = real_pair(student, taught_by, size)
    plain = copy.deepcopy(pair[0])
    method = build_method("norm", {"segments": 2, **(options or {})})
    method.prepare(context_of(*pair, size, LABELS))
    disturbed(pair[0].stages[-1].double())
    return pair[0].double(), pair[1].double(), method, plain.double()


@pytest.mark.parametrize(("epoch", "strength"), [(0, 0.1), (1, 1)])
def test_the_terms_are_those_of_the_layers_one_by_one(epoch, strength):
    """Of three epochs. What is compared is behind the first norm, in train mode; the classifier is behind all."""
    student, taught_by, method, _ = trained(options={"weight": 3.0, "ce_weight": 0.5, "kd_weight": 0.25})
    images = torch.randn(8, 3, 8, 8, generator=torch.Generator().manual_seed(0)).double()
    batch = real_batch(student, taught_by, images, LABELS)
    batch.epoch.fill_(epoch)
    terms = method.losses(batch)
    transform = student.stages[-1]
    last, target = array(batch.student.stages[-2]), array(batch.teacher.stages[-1])
    side, factor = last.shape[2], target.shape[2] // last.shape[2]
    assert factor == 2
    target = target.reshape(*target.shape[:2], side, factor, side, factor).max(axis=(3, 5))
    expanded = conv_bn(last, transform.expand)
    near(terms["norm"], 3 * strength * norm_by_hand(expanded, target), rel=1e-6)
    features = (last + conv_bn(expanded, transform.contract)).mean(axis=(2, 3))
    logits = affine(features, student.classifier)
    near(terms["ce"], 0.5 * cross_entropy(logits, LABELS.numpy()), rel=1e-9)
    near(terms["kd"], 0.25 * divergence(array(batch.teacher.logits), logits, 4.0), rel=1e-9)


def test_the_weight_follows_the_authors_course():
    epochs = [0, 9, 10, 19, 20, 179, 180, 209, 210, 239]
    strengths = [strength_at(torch.tensor(float(epoch)), 240).item() for epoch in epochs]
    assert strengths == pytest.approx([0.1, 0.1, 0.5, 0.5, 1, 1, 0.5, 0.5, 0.1, 0.1])
    student, taught_by, method, _ = trained(options={"constant": True})
    images = torch.randn(8, 3, 8, 8).double()
    values = []
    for epoch in (0, 1):
        batch = real_batch(student, taught_by, images, LABELS)
        batch.epoch.fill_(epoch)
        values.append(method.losses(batch)["norm"].item())
    assert values[0] == pytest.approx(values[1])


def test_segments_follow_each_other_and_add_up():
    """Known mistakes: a teacher whose channels are repeated one by one, and a mean over the segments."""
    target = torch.randn(2, 3, 4, 4).double()
    assert norm_loss(target.repeat(1, 5, 1, 1), target) == 0
    assert norm_loss(target.repeat_interleave(5, dim=1), target) > 0.1
    one = norm_loss(2 * target, target)
    near(norm_loss((2 * target).repeat(1, 4, 1, 1), target), 4 * one, rel=1e-12)


def test_larger_maps_of_the_teacher_are_pooled_by_their_maxima():
    maps = torch.arange(16.0).reshape(1, 1, 4, 4)
    assert pooled_as(maps, (2, 2)).flatten().tolist() == [5, 7, 13, 15]
    assert torch.equal(pooled_as(maps, (4, 4)), maps)
    assert torch.equal(pooled_as(maps, (3, 3)), maps)


PAIRS = [("cnn", "resnet8x4", 8), ("wrn_16_2", "resnet18", 16), ("vgg16", "cnn", 32)]


@pytest.mark.parametrize(("student", "taught_by", "size"), PAIRS)
def test_merged_it_computes_the_same_with_the_layers_of_its_architecture(student, taught_by, size):
    larger, _, method, plain = trained(student, taught_by, size)
    before = {name: tensor.clone() for name, tensor in larger.state_dict().items()}
    deployed = method.deployed(larger).eval()
    images = torch.randn(4, 3, size, size, generator=torch.Generator().manual_seed(0)).double()
    expected = larger.eval()(images)
    torch.testing.assert_close(deployed(images), expected, rtol=1e-11, atol=1e-11)
    shapes = [{name: value.shape for name, value in net.state_dict().items()} for net in (deployed, plain)]
    assert shapes[0] == shapes[1]
    assert method.changes == {}
    assert all(torch.equal(tensor, before[name]) for name, tensor in larger.state_dict().items())
    assert len(larger.stages) == len(plain.stages) + 1
    torch.testing.assert_close(method.deployed(larger).eval()(images), expected, rtol=1e-11, atol=1e-11)


def test_mistakes_in_the_merging_would_be_seen():
    """Without the residual, without the shifts, and with one norm's scale left out, other logits come."""
    torch.manual_seed(0)
    transform, classifier = disturbed(FeatureTransform(3, 8).double()), torch.nn.Linear(3, 4).double()
    means = torch.randn(5, 3).double()
    expected = classifier(transform.eval()(means[:, :, None, None]).flatten(1))
    torch.testing.assert_close(merged(classifier, transform)(means), expected, rtol=1e-12, atol=1e-12)
    matrix, shift = transform.matrix()
    identity = torch.eye(3).double()
    second = transform.contract[0].weight.flatten(1) @ transform.expand[0].weight.flatten(1)
    for one, two in ((matrix - identity, shift), (matrix, 0 * shift), (identity + second, shift)):
        wrong = classifier(means @ one.T + two)
        assert (wrong - expected).abs().max() > 0.01


def test_in_float32_merging_is_exact_within_rounding():
    student, _, method, _ = trained()
    student.float().eval()
    images = torch.randn(16, 3, 8, 8)
    one, other = student(images), method.deployed(student)(images)
    assert (one - other).abs().max() / one.abs().max() < 1e-5


def test_a_classifier_of_a_token_cannot_take_the_transform_in():
    student, taught_by = tiny("vit"), real_pair("cnn", "cnn", 16)[1]
    with pytest.raises(
        UserError, match="the student's classifier for feature maps, and it reads a class token"
    ):
        build_method("norm", {}).prepare(context_of(student, taught_by, 16, LABELS))


def test_in_a_sum_the_others_see_what_the_transform_puts_out():
    torch.manual_seed(0)
    student, taught_by = (build_network("cnn", {"channels": sizes}, 3, 7) for sizes in ([4, 6], [8, 10]))
    both = build_methods([("crd", {"negatives": 4}), ("norm", {})])
    both.prepare(Context(student, taught_by, (3, 8, 8), 7, LABELS, 3))
    terms = both.losses(real_batch(student, taught_by, torch.randn(8, 3, 8, 8), LABELS))
    assert set(terms) == {"ce", "norm", "crd"}
    assert both.changes == {}
    images = torch.randn(2, 3, 8, 8)
    deployed = both.deployed(student).eval()
    torch.testing.assert_close(deployed(images), student.eval()(images), rtol=1e-5, atol=1e-5)
    assert len(deployed.stages) == 2


def test_trained_by_the_script_all_that_is_saved_is_of_the_plain_network(dataset, teacher, tmp_path):
    """Its file alone leads to the test logits; the average, and the weights that validation chose, are merged too."""
    recipe = Recipe(epochs=3, batch_size=16, lr=0.05, ema=0.5)
    what = job("distilled", teacher="big", method_name="norm", methods=[("norm", {})], recipe=recipe)
    metrics = run(tmp_path, dataset, what, teacher_model=teacher[0] / "model.safetensors")
    assert metrics["parameters"] == teacher[1]["parameters"]
    assert metrics["loss_function"] == "CE + 1·NORM, N=8"
    loaded = load_network(tmp_path / "model.safetensors", torch.device("cpu"))
    data = read_dataset(dataset)
    for part in ("test", "validation"):
        images, labels = (data.tensors()[f"{part}_{what}"] for what in ("images", "labels"))
        score = evaluate(loaded, ViewedImages(images, data.augmentation, data.mean, data.std), labels)
        kept = np.load(tmp_path / f"{part}_logits.npy")
        assert np.allclose(score.logits.numpy(), kept, rtol=1e-4, atol=1e-5)
        assert metrics[f"{part}_accuracy"] == score.accuracy
        assert part == "validation" or np.array_equal(score.logits.numpy(), kept)
    assert {"selected_test_accuracy", "unaveraged_test_accuracy"} <= metrics.keys()
