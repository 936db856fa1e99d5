"""Knowledge diffusion: its schedule, its steps back, and its networks, worked out by hand."""

import numpy as np
import pytest
import torch
from batches import batch_of
from features_by_hand import near
from layers_by_hand import affine, array, conv_bn, convolve, cross_entropy, divergence, pool, relu
from parts import LABELS, SMALL, prepared, random_outputs

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


def refined(refiner, features, noise, *, maps):
    """All by hand: fit, the share of noise, five steps back, projection."""
    x = convolve(features, refiner.fit)
    if maps:
        adapted = bottleneck(x, refiner.adapt[0]).mean(axis=(2, 3))
    else:
        adapted = conv_bn(relu(conv_bn(x, refiner.adapt[0:2])), refiner.adapt[3:5]).mean(axis=(2, 3))
    energy = np.exp(affine(adapted, refiner.adapt[-1]))
    share = (energy[:, 0] / energy.sum(axis=1))[:, None, None, None]
    x = share * x + (1 - share) * noise
    for time in (400, 300, 200, 100, 0):
        kept, before = KEPT[time], KEPT[time - 100] if time else 1.0
        predicted = denoised(refiner, x + array(refiner.times.weight)[time][:, None, None], maps=maps)
        clean = (x - np.sqrt(1 - kept) * predicted) / np.sqrt(kept)
        x = np.sqrt(before) * clean + np.sqrt(1 - before) * predicted
    return conv_bn(x, refiner.project)


def noise_by_hand(refiner, signal, noise, times, *, maps):
    kept = np.float32(KEPT)[times][:, None, None, None].astype(float)
    mixed = np.sqrt(kept) * signal + np.sqrt(1 - kept) * noise
    predicted = denoised(refiner, mixed + array(refiner.times.weight)[times][:, :, None, None], maps=maps)
    return ((predicted - noise) ** 2).mean()


@pytest.fixture
def drawn(monkeypatch):
    """Noise and times that a test knows: each shape has always the same."""
    times = np.array([0, 999, 500, 7])

    def noise(shape):
        return np.random.default_rng(sum(shape)).normal(size=shape)

    monkeypatch.setattr(torch, "randn_like", lambda like: torch.tensor(noise(tuple(like.shape))).to(like))
    monkeypatch.setattr(torch, "randint", lambda *limits, device: torch.tensor(times))
    return noise, times


@pytest.mark.parametrize("side", [2, 4])
def test_every_term_is_the_papers(drawn, side):
    noise, times = drawn
    shapes = [*SMALL[0][:2], (5, side, side)], SMALL[1]
    options = {"weight": 2.0, "kd_weight": 0.5, "noise_weight": 3.0, "temperature": 2.0}
    method = prepared("diffkd", options, shapes)
    outputs = random_outputs(shapes)
    terms = method.losses(batch_of(*outputs, LABELS))
    (student, teacher), (own, other) = (
        [array(one) for one in pair]
        for pair in ([output.stages[-1] for output in outputs], [output.logits for output in outputs])
    )
    code = conv_bn(teacher, method.encode)
    assert code.shape[1] == 4  # half of the teacher's
    maps = refined(method.maps, pool(student, 2), noise(code.shape), maps=True)
    near(terms["features"], 2 * ((maps - code) ** 2).mean(), rel=1e-8)
    pixels = own[:, :, None, None], other[:, :, None, None]
    logits = refined(method.logits, pixels[0], noise(pixels[0].shape), maps=False)[:, :, 0, 0]
    near(terms["kd"], 0.5 * divergence(other, logits, 2.0), rel=1e-8)
    wrong = noise_by_hand(method.maps, code, noise(code.shape), times, maps=True)
    wrong += noise_by_hand(method.logits, pixels[1], noise(pixels[1].shape), times, maps=False)
    near(terms["noise"], 3 * wrong, rel=1e-6)
    near(terms["reconstruction"], ((convolve(code, method.decode) - teacher) ** 2).mean(), rel=1e-8)
    near(terms["ce"], cross_entropy(own, LABELS.numpy()), rel=1e-9)


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
