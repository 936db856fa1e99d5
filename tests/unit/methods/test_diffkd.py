"""Knowledge diffusion: its schedule, its steps back, and its networks, worked out by hand."""

import numpy as np
import pytest
import torch
from batches import batch_of
from by_hand import differs, slopes_along
from features_by_hand import near
from layers_by_hand import affine, array, conv_bn, convolve, cross_entropy, divergence, pool, relu
from parts import LABELS, SMALL, prepared, random_outputs

from kd.distillation.batch import Output
from kd.methods import diffkd
from kd.methods.diffkd import KEPT, TIMES, Refiner, noised, step_back

pytestmark = pytest.mark.usefixtures("one_thread")


def test_the_schedule_is_linear_in_beta():
    betas = torch.linspace(1e-4, 0.02, 1000, dtype=torch.float64)
    expected = torch.cumprod(1 - betas, dim=0)
    torch.testing.assert_close(torch.tensor(KEPT, dtype=torch.float64), expected, rtol=1e-12, atol=0)


@pytest.mark.parametrize(("time", "before"), [(400, KEPT[300]), (100, KEPT[0]), (0, 1.0)])
def test_a_step_with_the_true_noise_leads_to_the_signal_with_less_of_it(time, before):
    signal, noise = torch.randn(2, 3, 4, 2, 2, dtype=torch.float64)
    mixed = noised(signal, noise, torch.full((3,), KEPT[time], dtype=torch.float64))
    expected = before**0.5 * signal + (1 - before) ** 0.5 * noise
    torch.testing.assert_close(step_back(mixed, noise, time), expected, rtol=1e-12, atol=1e-12)


def test_noise_is_mixed_by_what_each_sample_keeps():
    signal, noise = torch.full((2, 1, 1, 1), 10.0), torch.ones(2, 1, 1, 1)
    mixed = noised(signal, noise, torch.tensor([1.0, 0.36]))
    assert mixed.flatten().tolist() == pytest.approx([10, 0.6 * 10 + 0.8])


def bottleneck(x, block):
    block = list(block)
    return x + conv_bn(relu(conv_bn(relu(conv_bn(x, block[0:2])), block[3:5])), block[6:8])


def denoised(refiner, x, *, maps):
    if maps:
        x = bottleneck(bottleneck(x, refiner.denoise[0]), refiner.denoise[1])
        return conv_bn(x, refiner.denoise[2:4])
    x = conv_bn(relu(conv_bn(x, refiner.denoise[0:2])), refiner.denoise[3:5])
    return convolve(relu(conv_bn(x, refiner.denoise[5:7])), refiner.denoise[8])


def refined(refiner, features, noise, *, maps, times=(400, 300, 200, 100, 0), share_of=0, mixed=True):
    """All by hand: fit, the share of noise, five steps back, projection."""
    x = convolve(features, refiner.fit)
    if maps:
        adapted = bottleneck(x, refiner.adapt[0]).mean(axis=(2, 3))
    else:
        adapted = conv_bn(relu(conv_bn(x, refiner.adapt[0:2])), refiner.adapt[3:5]).mean(axis=(2, 3))
    energy = np.exp(affine(adapted, refiner.adapt[-1]))
    share = (energy[:, share_of] / energy.sum(axis=1))[:, None, None, None]
    x = share * x + (1 - share) * noise if mixed else x
    for time in times:
        kept, before = KEPT[time], KEPT[time - 100] if time else 1.0
        predicted = denoised(refiner, x + array(refiner.times.weight)[time][:, None, None], maps=maps)
        clean = (x - np.sqrt(1 - kept) * predicted) / np.sqrt(kept)
        x = np.sqrt(before) * clean + np.sqrt(1 - before) * predicted
    return conv_bn(x, refiner.project)


def noise_by_hand(refiner, signal, noise, times, *, maps, root=np.sqrt, goal=None):
    kept = np.float32(KEPT)[times][:, None, None, None].astype(float)
    mixed = root(kept) * signal + root(1 - kept) * noise
    predicted = denoised(refiner, mixed + array(refiner.times.weight)[times][:, :, None, None], maps=maps)
    return ((predicted - (noise if goal is None else goal)) ** 2).mean()


@pytest.fixture
def drawn(monkeypatch):
    """Noise and times that a test knows: each shape has always the same, in the order of `places`."""
    times, places = np.array([0, 999, 500, 7]), np.arange(4)

    def noise(shape):
        made = np.random.default_rng(sum(shape)).normal(size=shape)
        return made[places] if len(made) == len(places) else made

    monkeypatch.setattr(torch, "randn_like", lambda like: torch.tensor(noise(tuple(like.shape))).to(like))
    monkeypatch.setattr(torch, "randint", lambda *limits, device: torch.tensor(times[places]))
    return noise, times, places


WEIGHTS = {"weight": 2.0, "kd_weight": 0.5, "noise_weight": 3.0, "temperature": 2.0}


def learnt(side=2, outputs=None, labels=LABELS, method=None):
    """The method, its terms, and both outputs; with a `side` of the student's last maps, and the teacher's 2."""
    shapes = [*SMALL[0][:2], (5, side, side)], SMALL[1]
    method, outputs = method or prepared("diffkd", WEIGHTS, shapes), outputs or random_outputs(shapes)
    return method, method.losses(batch_of(*outputs, labels)), outputs


def pixels(logits):
    return logits[:, :, None, None]


class ByHand:
    """Each term, of arrays: what the student puts out, the teacher's, and the noise that was drawn."""

    def __init__(self, method, teacher, noise, times):
        self.method, self.noise, self.times = method, noise, times
        self.maps, self.logits = array(teacher.stages[-1]), array(teacher.logits)
        self.code = conv_bn(self.maps, method.encode)

    def features(self, maps, **more):
        noise = self.noise(self.code.shape)
        made = refined(self.method.maps, pool(maps, 2), noise, maps=True, **more)
        return 2 * ((made - self.code) ** 2).mean()

    def refined_logits(self, logits, **more):
        noise = self.noise(pixels(logits).shape)
        return refined(self.method.logits, pixels(logits), noise, maps=False, **more)[:, :, 0, 0]

    def kd(self, logits, **more):
        return 0.5 * divergence(self.logits, self.refined_logits(logits, **more), 2.0)

    def of_noise(self, **more):
        """Of maps, and of logits: what is predicted wrongly of the noise in them."""
        values = []
        for refiner, signal in ((self.method.maps, self.code), (self.method.logits, pixels(self.logits))):
            maps = refiner is self.method.maps
            values.append(
                noise_by_hand(refiner, signal, self.noise(signal.shape), self.times, maps=maps, **more)
            )
        return 3 * np.array(values)

    def reconstruction(self):
        return ((convolve(self.code, self.method.decode) - self.maps) ** 2).mean()


@pytest.mark.parametrize("side", [2, 4])
def test_every_term_is_the_papers(drawn, side):
    method, terms, (student, teacher) = learnt(side)
    right = ByHand(method, teacher, *drawn[:2])
    assert right.code.shape[1] == 4  # half of the teacher's
    near(terms["features"], right.features(array(student.stages[-1])), rel=1e-8)
    near(terms["kd"], right.kd(array(student.logits)), rel=1e-8)
    near(terms["noise"], right.of_noise().sum(), rel=1e-6)
    near(terms["reconstruction"], right.reconstruction(), rel=1e-8)
    near(terms["ce"], cross_entropy(array(student.logits), LABELS.numpy()), rel=1e-9)


@pytest.mark.parametrize("side", [2, 4])
def test_the_gradient_of_what_the_student_puts_out(drawn, side):
    """Through the share of noise and all five steps back; the encoder's code is a constant."""
    method, terms, (student, teacher) = learnt(side)
    right = ByHand(method, teacher, *drawn[:2])
    (terms["features"] + terms["kd"]).backward()
    leaves = [student.stages[-1], student.logits]
    slopes_along(lambda arrays: right.features(arrays[0]) + right.kd(arrays[1]), leaves, rel=1e-5)


@pytest.mark.parametrize("name", ["maps.fit", "maps.times", "logits.denoise.8", "encode.0", "decode"])
def test_the_gradient_of_what_the_method_owns(drawn, name):
    """Of all terms; the code that the maps are compared with, and noise is added to, is a constant."""
    method, terms, (student, teacher) = learnt()
    weight = method.get_submodule(name).weight
    fixed = ByHand(method, teacher, *drawn[:2])
    sum(terms.values()).backward()

    def moved(weights):
        kept = weight.data
        weight.data = torch.tensor(weights[0])
        value = fixed.features(array(student.stages[-1])) + fixed.kd(array(student.logits))
        value += fixed.of_noise().sum() + ByHand(method, teacher, *drawn[:2]).reconstruction()
        weight.data = kept
        return value

    slopes_along(moved, [weight], rel=1e-4)


def test_known_mistakes(drawn):
    method, terms, (student, teacher) = learnt()
    right, own = ByHand(method, teacher, *drawn[:2]), array(student.logits)
    backwards = {
        "noise and share turned round": {"share_of": 1},
        "no noise is added": {"mixed": False},
        "not denoised": {"times": ()},
        "times in rising order": {"times": (0, 100, 200, 300, 400)},
        "one step more": {"times": (500, 400, 300, 200, 100, 0)},
        "one step less": {"times": (400, 300, 200, 100)},
    }
    for of, values in (("features", array(student.stages[-1])), ("kd", own)):
        by_hand = getattr(right, of)
        differs(terms[of], {mistake: by_hand(values, **more) for mistake, more in backwards.items()})
    fitted = convolve(array(student.stages[-1]), method.maps.fit)
    differs(terms["features"], {
        "the fit alone": 2 * ((fitted - right.code) ** 2).mean(),
        "a sum over channels": 4 * right.features(array(student.stages[-1])),
    })  # fmt: skip
    refined_logits = right.refined_logits(own)
    differs(terms["kd"], {
        "of the logits as they are": 0.5 * divergence(right.logits, own, 2.0),
        "no T²": right.kd(own) / 4,
        "not softened": 0.5 * divergence(right.logits, refined_logits),
        "turned round": 0.5 * divergence(refined_logits, right.logits, 2.0),
    })  # fmt: skip


def test_known_mistakes_about_noise_and_code(drawn):
    method, terms, (_, teacher) = learnt()
    right, (noise, times, _) = ByHand(method, teacher, *drawn[:2]), drawn
    of_maps, of_logits = right.of_noise()
    signals = noise_by_hand(
        method.maps, right.code, noise(right.code.shape), times, maps=True, goal=right.code
    )
    differs(terms["noise"], {
        "of maps alone": of_maps,
        "of logits alone": of_logits,
        "the mean of both": (of_maps + of_logits) / 2,
        "no roots": right.of_noise(root=np.array).sum(),
        "the signal predicted": 3 * signals + of_logits,
        "other times": ByHand(method, teacher, noise, times[::-1]).of_noise().sum(),
    })  # fmt: skip
    differs(terms["reconstruction"], {
        "weighed": 2 * right.reconstruction(),
        "a sum over channels": 8 * right.reconstruction(),
        "turned round": ((right.code - right.maps[:, :4]) ** 2).mean(),
    })  # fmt: skip


def test_the_order_of_the_batch_does_not_matter(drawn):
    """With the noise of each sample; and the pairing does."""
    method, terms, outputs = learnt()
    order = np.array([2, 0, 3, 1])
    mixed = [
        Output(output.logits[order], tuple(stage[order] for stage in output.stages)) for output in outputs
    ]
    drawn[2][:] = order
    other = learnt(outputs=mixed, labels=LABELS[order], method=method)[1]
    for name, value in terms.items():
        assert other[name].item() == pytest.approx(value.item(), rel=1e-6), name
    unpaired = learnt(outputs=[mixed[0], outputs[1]], labels=LABELS[order], method=method)[1]
    for name in ("features", "kd"):
        assert unpaired[name].item() != pytest.approx(terms[name].item(), rel=1e-4), name


def test_what_the_terms_do_not_see(drawn):
    """Positions of one pooled pixel, and a constant of the teacher's logits, but for the noise in these."""
    method, terms, (student, teacher) = learnt(side=4)
    pairs = student.stages[-1].unflatten(3, (2, 2)).flip(4).flatten(3)
    changed = (
        Output(student.logits, (*student.stages[:-1], pairs)),
        Output(teacher.logits + 7, teacher.stages),
    )
    other = learnt(outputs=changed, method=method)[1]
    same = {
        name: other[name].item() == pytest.approx(value.item(), rel=1e-9) for name, value in terms.items()
    }
    assert same == {"ce": True, "features": True, "kd": True, "noise": False, "reconstruction": True}


def test_the_autoencoder_learns_from_its_reconstruction_alone():
    method, outputs = prepared("diffkd"), random_outputs()
    terms = method.losses(batch_of(*outputs, LABELS))
    (terms["features"] + terms["kd"] + terms["noise"]).backward(retain_graph=True)
    own = [*method.encode.parameters(), *method.decode.parameters()]
    assert all(parameter.grad is None for parameter in own)
    terms["reconstruction"].backward()
    assert all(parameter.grad is not None for parameter in own)


def test_noise_is_learnt_without_the_student():
    method, outputs = prepared("diffkd"), random_outputs()
    method.losses(batch_of(*outputs, LABELS))["noise"].backward()
    student = [outputs[0].logits, *outputs[0].stages]
    assert all(tensor.grad is None for tensor in student)
    assert method.maps.times.weight.grad.any(dim=1).sum() <= len(LABELS)


def test_noise_is_drawn_anew():
    torch.manual_seed(0)
    refiner, maps = Refiner(3, 8, maps=True), torch.randn(4, 3, 2, 2)
    assert not torch.equal(refiner(maps), refiner(maps))


def test_it_learns_to_remove_noise():
    """From a signal that it knows: the loss falls below that of predicting nothing."""
    torch.manual_seed(0)
    refiner = Refiner(4, 4, maps=True)
    signal = torch.randn(32, 4, 1, 1).expand(-1, -1, 4, 4).contiguous()
    optimizer = torch.optim.Adam(refiner.parameters(), lr=0.01)
    losses = []
    for _ in range(60):
        optimizer.zero_grad()
        losses.append(refiner.noise_loss(signal))
        losses[-1].backward()
        optimizer.step()
    assert sum(losses[-10:]) / 10 < 0.8
    assert diffkd.FIRST < TIMES
