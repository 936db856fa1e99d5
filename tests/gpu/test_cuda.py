"""What only a CUDA device can show."""

import warnings

import numpy as np
import pytest
import torch

from kd.catalog import build_method, build_network
from kd.compute import Compute
from kd.device import set_up
from kd.engine import fit
from kd.metrics import evaluate
from kd.recipe import Recipe
from kd.teacher import CachedTeacher, LiveTeacher
from kd.views import Labelled, ViewedImages

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device on this machine")


@pytest.fixture(autouse=True)
def cuda():
    yield set_up(Compute())
    torch.use_deterministic_algorithms(False)


def split(device, samples, seed=0):
    random = np.random.default_rng(seed)
    pixels = torch.from_numpy(random.integers(0, 256, (samples, 32, 32, 3), dtype=np.uint8)).to(device)
    labels = torch.from_numpy(random.integers(0, 10, samples)).to(device)
    return Labelled(ViewedImages(pixels, 4, True, (0.5,) * 3, (0.25,) * 3), labels)


def network(device, architecture="cnn", seed=0):
    torch.manual_seed(seed)
    built = build_network(architecture, {"width": 0.25}, 3, 10)
    return built.to(device=device, memory_format=torch.channels_last)


def train(device, model, samples=512, epochs=2, method="cross_entropy", teacher=None):
    recipe = Recipe(epochs=epochs, batch_size=64, lr=0.02)
    data = split(device, samples), split(device, 64, 1)
    return fit(model, build_method(method, {}), *data, recipe, seed=3, teacher=teacher)


@pytest.mark.parametrize(
    "architecture", ["resnet18", "preact_resnet18", "googlenet", "densenet", "vgg16", "mobilenet", "cnn"]
)
def test_a_run_repeats_to_the_bit(cuda, architecture):
    models = [network(cuda, architecture) for _ in range(2)]
    for model in models:
        train(cuda, model)
    for first, second in zip(*(model.state_dict().values() for model in models), strict=True):
        assert torch.equal(first, second)


def test_the_first_epoch_is_that_of_the_cpu(cuda):
    rows = [train(device, network(device), epochs=1).history[0] for device in (cuda, torch.device("cpu"))]
    assert rows[0]["loss"] == pytest.approx(rows[1]["loss"], rel=1e-2)


def test_no_step_waits_for_the_device(cuda):
    """Reading back is allowed once an epoch, so ten times the steps wait as often."""

    def waits(samples):
        torch.cuda.set_sync_debug_mode("warn")
        try:
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                train(cuda, network(cuda), samples, epochs=1)
        finally:
            torch.cuda.set_sync_debug_mode("default")
        return sum("synchroniz" in str(warning.message) for warning in caught)

    assert waits(1280) == waits(128)


def test_stored_targets_equal_a_live_teacher(cuda):
    teacher, data = network(cuda, "resnet18", 1).eval(), split(cuda, 128)
    with torch.no_grad():
        views = range(data.images.count)
        table = torch.stack(
            [teacher(data.images.take(torch.arange(128, device=cuda), view)) for view in views]
        )
    scores = []
    for kind in (LiveTeacher(teacher), CachedTeacher(table.half().cpu().numpy(), cuda)):
        student = network(cuda)
        train(cuda, student, 128, method="kd", teacher=kind)
        scores.append(evaluate(student, data.images, data.labels).logits)
    assert (scores[0] - scores[1]).abs().max() < 0.05
