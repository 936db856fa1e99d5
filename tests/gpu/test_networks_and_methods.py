"""Full widths, attention, dropout, methods with parts, several processes, and memory that runs out."""

import os
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from gpu_training import network, same, split, train

from kd.data.augmentation import Augmentation
from kd.data.streaming import StreamedImages
from kd.data.views import Split
from kd.distillation.base import Context, Distillation
from kd.distillation.combined import build_method
from kd.errors import UserError
from kd.evaluation.metrics import evaluate
from kd.runtime import gpu_slots
from kd.runtime.device import memory_explained, set_up_device
from kd.runtime.speed import Speed
from kd.settings.compute import Compute
from kd.settings.recipe import Recipe
from kd.teachers.teacher import LiveTeacher
from kd.training.engine import fit

GRAPHED = Speed(bf16=True, graph=True)


def test_set_up_twice_it_is_the_same_slot(cuda):
    assert set_up_device(Compute()) == cuda


@pytest.mark.parametrize("architecture", ["resnet18", "vgg16", "mobilenet", "densenet"])
def test_a_network_of_full_width_repeats_to_the_bit_replayed_or_not(cuda, architecture):
    """Other kernels than those of a quarter of the width."""
    models = [network(cuda, architecture, width=1.0) for _ in range(3)]
    for model, speed in zip(models, (GRAPHED, GRAPHED, Speed(bf16=True)), strict=True):
        train(cuda, model, speed=speed)
    assert same(models[:2])
    assert same(models[1:])


@pytest.mark.parametrize("architecture", ["torchvision/efficientnet_b0", "torchvision/vit_b_16"])
def test_dropout_and_attention_repeat_replayed_or_not(cuda, architecture):
    pytest.importorskip("torchvision")
    models = [network(cuda, architecture) for _ in range(3)]
    for model, speed in zip(models, (GRAPHED, GRAPHED, Speed(bf16=True)), strict=True):
        torch.manual_seed(7)
        train(cuda, model, 256, speed=speed)
    assert same(models[:2])
    assert same(models[1:])


@pytest.mark.parametrize("name", ["crd", "fitnet", "reviewkd", "ofd", "ft", "dml", "simkd"])
def test_methods_with_parts_repeat_replayed_or_not(cuda, name):
    models = []
    for speed in (GRAPHED, GRAPHED, Speed(bf16=True)):
        model, teacher = network(cuda, "resnet8x4"), network(cuda, "resnet18", 1).eval().requires_grad_(False)
        torch.manual_seed(7)
        method = build_method(name, {})
        method.preliminary = min(method.preliminary, 1)
        labels = split(cuda, 512).labels
        anew = partial(network, cuda, "resnet18", 2)
        method.prepare(Context(model, teacher, (3, 32, 32), 10, labels, 2, new_teacher=anew))
        method.to(cuda, memory_format=torch.channels_last)
        model.to(cuda, memory_format=torch.channels_last)
        stages = "stages" in method.NEEDS
        training = train(cuda, model, method=method, teacher=LiveTeacher(teacher, stages=stages), speed=speed)
        assert training.replayed == speed.graph
        models.append(model)
    assert same(models[:2])
    assert same(models[1:])


def test_images_that_come_slowly_do_not_disturb_the_recording(cuda):
    class Disk:
        def __init__(self, pixels):
            self._pixels, self.shape = pixels, pixels.shape

        def __getitem__(self, samples):
            time.sleep(0.005)
            return self._pixels[samples]

    resident = split(cuda, 512)
    disk = Disk(resident.images._images.cpu().numpy())
    images = StreamedImages(disk, cuda, Augmentation(4, True), (0.5,) * 3, (0.25,) * 3)
    slow, fast = network(cuda), network(cuda)
    train(cuda, fast, speed=GRAPHED)
    recipe, method = Recipe(epochs=2, batch_size=64, lr=0.02), build_method("cross_entropy", {})
    training = fit(
        slow, method, Split(images, resident.labels), split(cuda, 64, 1), recipe, seed=3, speed=GRAPHED
    )
    assert training.replayed
    assert same([slow, fast])


def test_float32_is_float32(cuda):
    """TF32 has 10 bits: its products of 512 numbers are off by a thousandth, those of float32 by a millionth."""
    torch.manual_seed(0)
    maps, weight = torch.randn(8, 64, 16, 16), torch.randn(64, 64, 3, 3)
    exact = torch.nn.functional.conv2d(maps.double(), weight.double())
    error = (torch.nn.functional.conv2d(maps.to(cuda), weight.to(cuda)).cpu().double() - exact).abs().max()
    assert error / exact.abs().max() < 1e-5


def test_evaluated_on_the_gpu_a_network_has_the_logits_of_the_cpu(cuda):
    model, data = network(cuda, "resnet18"), split(cuda, 256)
    there = evaluate(model, data.images, data.labels).logits
    cpu = torch.device("cpu")
    here = evaluate(model.to(cpu), split(cpu, 256).images, split(cpu, 256).labels).logits
    assert (here - there).abs().max() < 1e-3 * here.abs().max()


def test_memory_that_runs_out_in_training_is_explained(cuda):
    model = network(cuda, "resnet18", width=1.0)
    torch.cuda.empty_cache()
    total = torch.cuda.get_device_properties(cuda).total_memory
    torch.cuda.set_per_process_memory_fraction((torch.cuda.memory_reserved() + 2e7) / total)
    try:
        with pytest.raises(UserError, match="lower batch_size"), memory_explained():
            train(cuda, model)
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    train(cuda, model)  # and it goes on after that


JOB = """
import sys, torch
from gpu_training import network, train
from kd.runtime.device import set_up_device
from kd.runtime.speed import Speed
from kd.settings.compute import Compute
from kd.settings.recipe import Recipe
device = set_up_device(Compute(slots_per_device=8))
model = network(device, "resnet18")
train(device, model, 2048, 3, speed=Speed(bf16=True, graph=True))
print(sum(tensor.double().sum().item() for tensor in model.state_dict().values()).hex())
"""


def test_two_processes_on_one_gpu_compute_what_one_does(cuda, tmp_path):
    scripts = Path(gpu_slots.__file__).parents[2]
    support = Path(__file__).parents[1] / "support"
    variables = {
        "PYTHONPATH": f"{scripts}:{support}:" + ":".join(filter(None, sys.path)),
        "TMPDIR": str(tmp_path),
    }
    start = lambda: subprocess.Popen(  # noqa: E731
        [sys.executable, "-c", JOB], env={**os.environ, **variables}, stdout=subprocess.PIPE, text=True
    )
    jobs = [start(), start()]
    sums = [job.communicate()[0].split()[-1] for job in jobs]
    alone = start().communicate()[0].split()[-1]
    assert sums == [alone, alone]


def test_a_step_that_draws_random_numbers_goes_on_after_a_method_that_reads_back(cuda, caplog):
    """On PyTorch 2.11 a recording that failed would leave the generator unusable."""

    class Reading(Distillation):
        def losses(self, batch):
            loss = torch.nn.functional.cross_entropy(batch.student.logits, batch.labels)
            return {"ce": loss * (2 if loss.item() > 0 else 1)}

    model = torch.nn.Sequential(network(cuda), torch.nn.Dropout(0.1))
    assert not train(cuda, model, method=Reading(), speed=GRAPHED).replayed
    assert "a step waits for the device" in caplog.text
    assert np.isfinite(torch.nn.functional.dropout(torch.ones(9, device=cuda), 0.5).sum().item())
