"""What only a CUDA device can show."""

import warnings

import numpy as np
import pytest
import torch
from gpu_training import network, split, train
from stored_targets import held

from kd.data.augmentation import Augmentation
from kd.data.loader import Loader
from kd.data.streaming import StreamedImages
from kd.data.views import Split
from kd.distillation.base import Distillation
from kd.distillation.combined import build_method
from kd.evaluation.metrics import evaluate
from kd.runtime.signals import Stopped, StopSignal
from kd.runtime.speed import Speed
from kd.settings.recipe import Recipe
from kd.teachers.teacher import CachedTeacher, LiveTeacher
from kd.training.callback import Callback
from kd.training.checkpoints import Checkpoints
from kd.training.cuda_graph import GraphedStep
from kd.training.engine import fit
from kd.training.step import Step


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


def streamed(device, samples):
    """`split`, with the images in host memory."""
    pixels = split(torch.device("cpu"), samples).images._images
    return Split(
        StreamedImages(pixels, device, Augmentation(4, True), (0.5,) * 3, (0.25,) * 3),
        split(device, samples).labels,
    )


@pytest.mark.parametrize("graph", [False, True])
def test_streamed_images_train_the_same_network(cuda, graph):
    models = [network(cuda) for _ in range(2)]
    recipe, speed = Recipe(epochs=2, batch_size=64, lr=0.02), Speed(graph=graph)
    for model, images in zip(models, (split(cuda, 500), streamed(cuda, 500)), strict=True):
        method = build_method("cross_entropy", {})
        fit(model, method, images, split(cuda, 64, 1), recipe, seed=3, speed=speed)
    for first, second in zip(*(model.state_dict().values() for model in models), strict=True):
        assert torch.equal(first, second)


@pytest.mark.parametrize("optimizer", ["sgd", "adamw", "muon"])
def test_a_replayed_recipe_gives_the_bits_of_its_steps(cuda, optimizer):
    """Warm-up by step, clipping, smoothed and weighed labels and an average, all of them in the graph."""
    keys = {"optimizer": optimizer, "lr": 0.01, "warmup_epochs": 0.5, "schedule_by": "step", "ema": 0.9}
    keys |= {"grad_clip": 1.0, "label_smoothing": 0.1, "class_weights": "balanced"}
    models = [network(cuda) for _ in range(2)]
    for model, graph in zip(models, (False, True), strict=True):
        recipe, speed = Recipe(epochs=2, batch_size=64, **keys), Speed(graph=graph)
        method, images = build_method("cross_entropy", {}), split(cuda, 500)
        training = fit(model, method, images, split(cuda, 64, 1), recipe, seed=3, speed=speed)
        assert training.replayed == graph
    for first, second in zip(*(model.state_dict().values() for model in models), strict=True):
        assert torch.equal(first, second)


@pytest.mark.parametrize("graph", [False, True])
def test_a_streamed_batch_that_was_overwritten_is_noticed(cuda, graph):
    """Without asking the device; a replayed step runs no code that would look at its batch."""
    loader, recipe = Loader(streamed(cuda, 512), 64, 3), Recipe(epochs=2, batch_size=64, lr=0.02)
    step = Step(network(cuda), build_method("cross_entropy", {}), loader, recipe, None, Speed(graph=graph))
    step = GraphedStep(step, loader) if graph else step
    batches = loader.epoch(0)
    step.start_epoch(0, 0.02)
    first = next(batches)
    step(first)
    for batch in batches:
        step(batch)
    with pytest.raises(RuntimeError, match="at hand"):
        step(first)


def test_no_step_with_streamed_images_waits_for_the_device(cuda):
    def waits(samples):
        torch.cuda.set_sync_debug_mode("warn")
        try:
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                recipe, method = Recipe(epochs=1, batch_size=64, lr=0.02), build_method("cross_entropy", {})
                fit(network(cuda), method, streamed(cuda, samples), split(cuda, 64, 1), recipe, seed=3)
        finally:
            torch.cuda.set_sync_debug_mode("default")
        return sum("synchroniz" in str(warning.message) for warning in caught)

    assert waits(1280) == waits(128)


def test_stored_targets_equal_a_live_teacher(cuda):
    teacher, data = network(cuda, "resnet18", 1).eval(), split(cuda, 128)
    with torch.no_grad():
        views = range(data.images.augmentation.count)
        table = torch.stack(
            [teacher(data.images.take(torch.arange(128, device=cuda), view)) for view in views]
        )
    scores = []
    for kind in (LiveTeacher(teacher), CachedTeacher([held(table.half().cpu().numpy(), cuda)], cuda)):
        student = network(cuda)
        train(cuda, student, 128, method="kd", teacher=kind)
        scores.append(evaluate(student, data.images, data.labels).logits)
    assert (scores[0] - scores[1]).abs().max() < 0.05


@pytest.mark.parametrize("samples", [512, 500])
@pytest.mark.parametrize("taught", ["alone", "live", "cached"])
def test_a_replayed_run_is_the_same_run(cuda, caplog, samples, taught):
    """To the bit, over epochs of different learning rates, with and without a short last batch."""
    runs = []
    for graph in (False, True):
        teachers = {
            "alone": lambda: None,
            "live": lambda: LiveTeacher(network(cuda, "resnet18", 1)),
            "cached": lambda: CachedTeacher([held(np.ones((162, samples, 10), np.float16), cuda)], cuda),
        }
        model, method = network(cuda), "cross_entropy" if taught == "alone" else "kd"
        speed = Speed(bf16=True, graph=graph)
        history = train(cuda, model, samples, 4, method, teachers[taught](), speed=speed).history
        runs.append((model.state_dict(), [row["loss"] for row in history]))
    assert "CUDA graph" not in caplog.text  # it says so where one was not possible
    assert runs[0][1] == runs[1][1]
    for name, tensor in runs[0][0].items():
        assert torch.equal(tensor, runs[1][0][name]), name


@pytest.mark.parametrize("graph", [False, True])
def test_stopped_and_started_again_it_is_the_same_run(cuda, tmp_path, graph):
    class StopsInTheSecondEpoch(Callback):
        def on_step(self, epoch, done):
            if epoch == 2 and done >= 256:
                ending.name = "SIGTERM"

    ending, speed = StopSignal(), Speed(bf16=True, graph=graph)
    plain, stopped, resumed = (network(cuda, seed=seed) for seed in (0, 0, 1))
    train(cuda, plain, 512, 3, speed=speed)
    kept = Checkpoints(tmp_path, 1000, ending)
    with pytest.raises(Stopped):
        train(cuda, stopped, 512, 3, speed=speed, callback=StopsInTheSecondEpoch(), checkpoints=kept)
    train(cuda, resumed, 512, 3, speed=speed, checkpoints=Checkpoints(tmp_path, 1000, StopSignal()))
    for name, tensor in plain.state_dict().items():
        assert torch.equal(tensor, resumed.state_dict()[name]), name


def test_a_method_that_reads_a_number_back_runs_without_a_graph(cuda, caplog):
    class Reading(Distillation):
        def losses(self, batch):
            loss = torch.nn.functional.cross_entropy(batch.student.logits, batch.labels)
            return {"ce": loss * (1 if loss.item() > 0 else 0)}

    models = [network(cuda) for _ in range(2)]
    for model, graph in zip(models, (False, True), strict=True):
        train(cuda, model, method=Reading(), speed=Speed(graph=graph))
    assert "goes on without a CUDA graph" in caplog.text
    for first, second in zip(*(model.state_dict().values() for model in models), strict=True):
        assert torch.equal(first, second)


def test_bf16_and_compiling_train_about_as_float32_does(cuda):
    speeds = Speed(), Speed(bf16=True), Speed(bf16=True, graph=True, compile=True)
    losses = [train(cuda, network(cuda), 1024, 3, speed=speed).history[-1]["loss"] for speed in speeds]
    assert losses[1:] == pytest.approx([losses[0]] * 2, rel=0.05)


def test_a_batch_that_does_not_fit_is_halved(cuda, caplog):
    """With a tenth of a gigabyte for everything, 4,096 images do not go through ResNet-18 at once."""
    caplog.set_level("INFO", "kd")
    model, data = network(cuda, "resnet18"), split(cuda, 4096)
    torch.cuda.empty_cache()
    total = torch.cuda.get_device_properties(cuda).total_memory
    torch.cuda.set_per_process_memory_fraction((torch.cuda.memory_reserved() + 1e8) / total)
    try:
        score = evaluate(model, data.images, data.labels)
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    assert score.logits.shape == (4096, 10)
    assert "goes on with" in caplog.text
