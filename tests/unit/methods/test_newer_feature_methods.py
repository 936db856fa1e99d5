"""Feature methods since 2020: where their losses are applied, their weights, and what their parts compute."""

import numpy as np
import pytest
import torch
from batches import batch_of
from features_by_hand import near
from layers_by_hand import affine, array, batch_norm, conv_bn, convolve, cross_entropy, divergence, relu
from newer_features_by_hand import (
    cat_by_hand,
    correlation_by_hand,
    generation_by_hand,
    ickd_by_hand,
    mutual_by_hand,
    pefd_by_hand,
    srd_by_hand,
    vkd_by_hand,
    wkd_by_hand,
)
from parts import LABELS, SMALL, Shaped, prepared, random_outputs
from torch import nn

from kd.methods.mgd import masked
from kd.methods.vkd import OrthogonalProjection, exponential

pytestmark = pytest.mark.usefixtures("one_thread")


def asked(name, options=None, shapes=SMALL, epoch=0, **more):
    """The method, its terms for random outputs, these outputs, and the arrays of the last feature maps."""
    method = prepared(name, options, shapes, **more)
    outputs = random_outputs(shapes)
    terms = method.losses(batch_of(*outputs, LABELS, epoch=epoch))
    near(terms["ce"], cross_entropy(array(outputs[0].logits), LABELS.numpy()), rel=1e-12)
    return method, terms, outputs, [array(output.stages[-1]) for output in outputs]


def means(maps):
    return maps.mean(axis=(2, 3))


def kd_of(outputs, temperature):
    student, teacher = (array(output.logits) for output in outputs)
    return divergence(teacher, student, temperature)


def test_srd_standardises_what_its_projector_makes():
    options = {"feature_weight": 3.0, "kd_weight": 0.5, "temperature": 2.0}
    method, terms, outputs, (student, teacher) = asked("srd", options)
    projected = affine(means(student), method.projector)
    near(terms["srd"], 3 * srd_by_hand(projected, means(teacher)), rel=1e-9)
    near(terms["kd"], 0.5 * kd_of(outputs, 2.0), rel=1e-9)


@pytest.mark.parametrize(("name", "options"), [("srd", {}), ("vkd", {}), ("semckd", {})])
def test_without_its_weight_the_divergence_is_no_term(name, options):
    _, terms, _, _ = asked(name, {"kd_weight": 0.0, **options})
    assert set(terms) == {"ce", name}


def test_pefd_averages_what_its_projectors_make():
    method, terms, _, (student, teacher) = asked("pefd", {"projectors": 2, "weight": 5.0})
    projected = np.mean([relu(affine(means(student), layer)) for layer in method.ensemble], axis=0)
    near(terms["pefd"], 5 * pefd_by_hand(projected, means(teacher)), rel=1e-9)
    first, second = method.ensemble
    assert not torch.equal(first.weight, second.weight)


@pytest.mark.parametrize("width", [8, 5])
def test_itrd_embeds_for_similarities_only_where_widths_differ(width):
    shapes = SMALL[0], [*SMALL[1][:2], (width, 2, 2)]
    method, terms, _, (student, teacher) = asked("itrd", {"mutual_weight": 2.0}, shapes)
    embedded, target = affine(means(student), method.embed), means(teacher)
    near(terms["correlation"], 2 * correlation_by_hand(embedded, target), rel=1e-9)
    near(terms["mutual"], 2 * mutual_by_hand(means(student) if width == 5 else embedded, target), rel=1e-9)


def test_pad_begins_with_the_plain_difference():
    """Of five epochs, three fifths."""
    options = {"weight": 2.0, "plain_share": 0.6}
    method, terms, _, (student, teacher) = asked("pad", options, epoch=2)
    fitted, target = affine(means(student), method.fit), means(teacher)
    near(terms["pad"], 2 * ((target - fitted) ** 2 / (1 + 1e-6)).mean(), rel=1e-9)
    _, terms, _, _ = asked("pad", options, epoch=3)
    linear, norm = method.log_variance
    logs = batch_norm(affine(fitted, linear)[:, :, None, None], norm)[:, :, 0, 0]
    near(terms["pad"], 2 * ((target - fitted) ** 2 / (np.exp(logs) + 1e-6) + logs).mean(), rel=1e-9)


def test_mgd_generates_the_teachers_maps_from_what_is_left(monkeypatch):
    drawn = torch.tensor([0.1, 0.15, 0.2, 0.9, 0.14, 0.5, 0.6, 0.0]).repeat(4, 1)
    monkeypatch.setattr(torch, "rand", lambda *shape, **more: drawn)
    method, terms, _, (student, teacher) = asked("mgd", {"weight": 0.5})
    fitted = convolve(student, method.fit) * np.array([0, 1, 1, 1, 0, 1, 1, 0])[:, None, None]
    first, _, second = method.generator
    generated = convolve(relu(convolve(fitted, first)), second)
    near(terms["mgd"], 0.5 * generation_by_hand(generated, teacher), rel=1e-9)


def test_whole_channels_are_masked_and_others_at_every_call():
    torch.manual_seed(0)
    maps = torch.ones(200, 50, 2, 2)
    left, other = masked(maps, 0.15), masked(maps, 0.15)
    assert left.unique().tolist() == [0, 1]
    assert torch.equal(left.amin(dim=(2, 3)), left.amax(dim=(2, 3)))
    near(1 - left.mean(), 0.15, rel=0.05)
    assert not torch.equal(left, other)
    assert torch.equal(masked(maps, 0.0), maps)


@pytest.mark.parametrize("normalize", [False, True])
def test_catkd_sees_through_the_classifier_of_each_network(normalize):
    teacher_network = Shaped(SMALL[1])
    options = {"weight": 3.0, "normalize": normalize}
    method, terms, _, maps = asked("catkd", options, teacher=teacher_network)
    assert method.classifiers[1] is teacher_network.classifier
    made = [
        np.einsum("bkyx,ck->bcyx", one, array(classifier.weight))
        for one, classifier in zip(maps, method.classifiers, strict=True)
    ]
    near(terms["cat"], 3 * cat_by_hand(*made, normalize=normalize), rel=1e-9)
    assert not list(method.parameters())


def test_catkd_teaches_the_students_classifier_too():
    method, terms, _, _ = asked("catkd")
    terms["cat"].backward()
    assert method.classifiers[0].weight.grad.any()


def test_ickd_compares_behind_a_fit_whatever_the_resolution():
    shapes = SMALL[0], [*SMALL[1][:2], (8, 4, 4)]
    method, terms, _, (student, teacher) = asked("ickd", {"weight": 3.0}, shapes)
    near(terms["ickd"], 3 * ickd_by_hand(conv_bn(student, method.fit), teacher), rel=1e-9)


@pytest.mark.parametrize(("epoch", "strength"), [(0, 1), (2, 1), (3, 0.5), (4, 0)])
def test_wkd_falls_to_nothing_at_the_end(epoch, strength):
    """Of five epochs: 1 up to the third, and half of the way in the fourth."""
    options = {"weight": 0.5, "constant_share": 0.6}
    method, terms, _, (student, teacher) = asked("wkd_f", options, epoch=epoch)
    fitted = relu(conv_bn(student, method.regressor[0]))
    expected = 0.5 * strength * wkd_by_hand(fitted, teacher)
    assert terms["wkd"].item() == pytest.approx(expected, rel=1e-6, abs=1e-9)


@pytest.mark.parametrize(("ins", "outs"), [(4, 7), (7, 4), (5, 5)])
def test_the_projection_is_torchs_orthogonal_one(ins, outs):
    """Its weight, and its gradient, for the same rotation and the same triangle."""
    torch.manual_seed(0)
    ours = OrthogonalProjection(ins, outs).double()
    ours.triangle.data += torch.randn_like(ours.triangle)
    theirs = nn.utils.parametrizations.orthogonal(
        nn.Linear(ins, outs, bias=False).double(), orthogonal_map="matrix_exp"
    )
    parametrization = theirs.parametrizations.weight
    parametrization[0].base = ours.start
    triangle = ours.triangle.data.T if outs < ins else ours.triangle.data
    parametrization.original.data = triangle.clone()
    torch.testing.assert_close(ours.weight(), theirs.weight, rtol=1e-9, atol=1e-12)
    weight, way = ours.weight(), torch.randn(outs, ins).double()
    gram = weight.T @ weight if outs >= ins else weight @ weight.T
    torch.testing.assert_close(gram, torch.eye(min(ins, outs)).double(), rtol=0, atol=1e-6)
    (weight * way).sum().backward()
    (theirs.weight * way).sum().backward()
    gradient = parametrization.original.grad
    torch.testing.assert_close(
        ours.triangle.grad, gradient.T if outs < ins else gradient, rtol=1e-8, atol=1e-10
    )


@pytest.mark.parametrize("norm", [0.1, 3.0, 30.0])
def test_the_exponential_is_that_of_torch(norm):
    matrix = torch.randn(6, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    skew = matrix - matrix.T
    skew = skew * norm / torch.linalg.matrix_norm(skew, 2)
    torch.testing.assert_close(exponential(skew), torch.matrix_exp(skew), rtol=0, atol=1e-6)


def test_vkd_projects_the_pooled_features():
    method, terms, outputs, (student, teacher) = asked("vkd", {"weight": 4.0, "kd_weight": 0.5})
    projected = means(student) @ array(method.project.weight()).T
    near(terms["vkd"], 4 * vkd_by_hand(projected, means(teacher)), rel=1e-9)
    near(terms["kd"], 0.5 * kd_of(outputs, 1.0), rel=1e-9)
