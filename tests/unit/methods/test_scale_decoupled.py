"""SD-KD, SD-DKD and SD-NKD against plain numbers from the formulas, region by region."""

from math import log

import numpy as np
import pytest
import torch
from by_hand import cross, differs, kl, renormalised, slopes_along, softened, without
from regional import LABELS, answers, taught

pytestmark = pytest.mark.usefixtures("one_thread")
SCALES = (1, 2, 4)
TERMS = {"sd_kd": {"kd": 0.9}, "sd_dkd": {"tckd": 1, "nckd": 8}, "sd_nkd": {"target": 1, "nontarget": 8}}
CASES = [(name, term) for name, terms in TERMS.items() for term in terms]
every_method = pytest.mark.parametrize("name", TERMS)
every_term = pytest.mark.parametrize(("name", "term"), CASES)


def others(row, label, temperature=4):
    """Softened probabilities of all classes but the label, which sum to 1."""
    return renormalised(without(softened(row, temperature), label))


def target_and_rest(row, label):
    p = softened(row, 4)[label]
    return [p, 1 - p]


# Of one region of one sample: logits of the student and of the teacher, and the label.
LOSSES = {
    "kd": lambda s, t, y: 16 * kl(softened(t, 4), softened(s, 4)),
    "tckd": lambda s, t, y: 16 * kl(target_and_rest(t, y), target_and_rest(s, y)),
    "nckd": lambda s, t, y: 16 * kl(others(t, y), others(s, y)),
    "target": lambda s, t, y: -softened(t)[y] * log(softened(s)[y]),
    "nontarget": lambda s, t, y: 16 * cross(others(t, y), others(s, y)),
}


def region_logits(maps, weight, bias, scales=SCALES):
    """(R, B, C): the classifier on the means of the whole, of quarters, and of sixteenths."""
    regions = []
    for scale in scales:
        step = maps.shape[2] // scale
        for y in range(0, maps.shape[2], step):
            for x in range(0, maps.shape[3], step):
                regions.append(maps[:, :, y : y + step, x : x + step].mean((2, 3)) @ weight.T + bias)
    return np.array(regions)


def weights_of(logits, labels=LABELS):
    """Twice where a region is right and the whole is not, or the reverse."""
    right = logits.argmax(2) == labels
    return np.where(right == right[0], 1.0, 2.0)


def each(loss, student, teacher, labels=LABELS):
    """A loss of every region and sample: (R, B)."""
    return np.array(
        [
            [loss(s, t, y) for s, t, y in zip(own, theirs, labels, strict=True)]
            for own, theirs in zip(student, teacher, strict=True)
        ]
    )


def parts(batch, networks):
    """Maps, weights and biases of the student, and of the teacher, as leaves that take gradients."""
    taken = []
    for output, network in zip((batch.student, batch.teacher), networks, strict=True):
        taken.append([output.stages[-1], network.classifier.weight, network.classifier.bias])
    return taken


def values(tensors):
    return [tensor.detach().numpy() for tensor in tensors]


@every_term
def test_value_and_gradient_in_float64(name, term):
    """The gradient of the student's maps and classifier; the teacher's get none."""
    method, networks, batch = taught(name, dtype=torch.float64)
    own, theirs = parts(batch, networks)
    own[0].requires_grad_()
    target = region_logits(*values(theirs))
    weights = weights_of(target)
    assert set(weights.ravel()) == {1, 2}

    def by_hand(arrays):
        losses = each(LOSSES[term], region_logits(*arrays), target)
        return TERMS[name][term] * (weights * losses).sum() / losses.size

    loss = method.losses(batch)[term]
    assert loss.dtype == torch.float64
    assert loss.item() == pytest.approx(by_hand(values(own)), rel=1e-12)
    loss.backward()
    slopes_along(by_hand, own)
    assert all(tensor.grad is None for tensor in theirs)


def mistaken(term, own, theirs):
    """What known mistakes would give, before the term's weight."""
    student, teacher = region_logits(*own), region_logits(*theirs)
    weights, losses = weights_of(teacher), each(LOSSES[term], student, teacher)
    by_scale = np.split(weights * losses, [1, 5])
    wrong = {
        "no weights": losses.mean(),
        "weights turned round": ((3 - weights) * losses).mean(),
        "weights of the student's answers": (weights_of(student) * losses).mean(),
        "weights that sum to 1": (weights * losses).sum() / weights.sum(),
        "the sum over regions": (weights * losses).sum() / len(LABELS),
        "each scale alike": np.mean([part.mean() for part in by_scale]),
        "the whole alone": losses[0].mean(),
        "without the whole": (weights * losses)[1:].mean(),
        "the finest alone": by_scale[2].mean(),
        "of the classes too": (weights * losses).mean() / 5,
        "turned round": (weights * each(LOSSES[term], teacher, student)).mean(),
    }
    if term != "target":
        wrong["no T²"] = (weights * losses).mean() / 16
    for mistake, loss in OTHER_LOSSES[term].items():
        wrong[mistake] = (weights * each(loss, student, teacher)).mean()
    return wrong


OTHER_LOSSES = {
    "kd": {
        "not softened": lambda s, t, y: 16 * kl(softened(t), softened(s)),
        "cross-entropy": lambda s, t, y: 16 * cross(softened(t, 4), softened(s, 4)),
    },
    "tckd": {"of the label alone": lambda s, t, y: -16 * softened(t, 4)[y] * log(softened(s, 4)[y])},
    "nckd": {
        "with the label": LOSSES["kd"],
        "not renormalised": lambda s, t, y: 16 * kl(without(softened(t, 4), y), without(softened(s, 4), y)),
        "not softened": lambda s, t, y: 16 * kl(others(t, y, 1), others(s, y, 1)),
    },
    "target": {
        "softened": lambda s, t, y: -softened(t, 4)[y] * log(softened(s, 4)[y]),
        "the labels": lambda s, t, y: -log(softened(s)[y]),
    },
    "nontarget": {
        "with the label, as in the authors' code": lambda s, t, y: 16 * cross(softened(t, 4), softened(s, 4)),
        "less the entropy": LOSSES["nckd"],
    },
}


@every_term
def test_known_mistakes(name, term):
    method, networks, batch = taught(name, dtype=torch.float64)
    own, theirs = (values(tensors) for tensors in parts(batch, networks))
    weight = TERMS[name][term]
    wrong = {mistake: weight * value for mistake, value in mistaken(term, own, theirs).items()}
    differs(method.losses(batch)[term], wrong)


@every_method
def test_the_cross_entropy_is_of_the_whole_image(name):
    method, networks, batch = taught(name, dtype=torch.float64)
    own = region_logits(*values(parts(batch, networks)[0]))[0]
    right = np.mean([-log(softened(row)[y]) for row, y in zip(own, LABELS, strict=True)])
    assert method.losses(batch)["ce"].item() == pytest.approx(method.ce_weight * right, rel=1e-12)
    assert not list(method.parameters())
    assert not method.state_dict()


@pytest.mark.parametrize("name", ["sd_dkd", "sd_nkd"])
@pytest.mark.parametrize(("epoch", "share"), [(0, 0.05), (9, 0.5), (19, 1), (30, 1)])
def test_the_weight_of_regions_rises_over_twenty_epochs(name, epoch, share):
    terms, warm = (taught(name, dtype=torch.float64, epoch=at) for at in (epoch, 19))
    terms, warm = (method.losses(batch) for method, _, batch in (terms, warm))
    assert terms.pop("ce").item() == warm.pop("ce").item()
    for term, value in terms.items():
        assert value.item() == pytest.approx(share * warm[term].item(), rel=1e-6)


def test_as_published():
    described = {name: taught(name)[0].describe() for name in TERMS}
    assert described == {
        "sd_kd": "0.1·CE + 0.9·T²·KL of regions (SD-KD), T=4",
        "sd_dkd": "CE + 1·TCKD + 8·NCKD of regions (SD-DKD), T=4",
        "sd_nkd": "CE + 1·target + 8·non-target of regions (SD-NKD), T=4",
    }


ORDER = torch.tensor([2, 0, 3, 1])


@every_method
@pytest.mark.parametrize(
    ("change", "same"),
    [
        (lambda images: images[:, ORDER], True),
        (lambda images: images.flip(4), True),  # the regions change places, of both networks
        (lambda images: images.unflatten(3, (4, 2)).flip(4).flatten(3, 4), True),  # within the finest
        (lambda images: torch.cat([images, images], dim=1), True),
        (lambda images: torch.stack([images[0], images[1].flip(3)]), False),
        (lambda images: torch.stack([images[0], images[1, ORDER]]), False),
    ],
)
def test_what_regions_do_not_see(name, change, same):
    method, networks, batch = taught(name, dtype=torch.float64)
    images = torch.stack([output.stages[-1] for output in (batch.student, batch.teacher)])
    numbers = torch.arange(4)[None, :, None, None, None].expand(2, 4, 3, 8, 8)
    labels = torch.tensor(LABELS)[change(numbers)[0, :, 0, 0, 0]]
    terms, other = method.losses(batch), method.losses(answers(networks, change(images), labels))
    for term in TERMS[name]:
        assert (other[term].item() == pytest.approx(terms[term].item(), rel=1e-9)) == same, term


@every_method
def test_a_constant_added_to_all_logits_of_a_network_does_not_matter(name):
    method, networks, batch = taught(name, dtype=torch.float64)
    terms = {term: value.item() for term, value in method.losses(batch).items()}
    images = [output.stages[-1] for output in (batch.student, batch.teacher)]
    for network, shift in zip(networks, (7, -40), strict=True):
        network.classifier.bias.data += shift
    other = {term: value.item() for term, value in method.losses(answers(networks, images)).items()}
    assert other == pytest.approx(terms, rel=1e-9)


@every_method
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("scale", [1e5, -1e5, 0.0])
def test_extreme_logits_stay_finite(name, dtype, scale):
    """Of the student alone, and of both; of one sign, and against each other."""
    for teachers in (1, scale, -scale):
        method, networks, batch = taught(name, dtype=dtype)
        images = [output.stages[-1] for output in (batch.student, batch.teacher)]
        for network, factor in zip(networks, (scale, teachers), strict=True):
            network.classifier.weight.data *= factor
            network.classifier.bias.data *= factor
        terms = method.losses(answers(networks, images))
        sum(terms.values()).backward()
        assert all(term.isfinite() and term.dtype == dtype for term in terms.values())
        assert all(parameter.grad.isfinite().all() for parameter in networks[0].parameters())
        assert networks[1].classifier.weight.grad is None
