"""Trainings on augmented and mixed images: resumed to the bit, and a teacher that sees the very same pixels."""

import numpy as np
import pytest
import torch
from small_training import StopsAfter, network, split
from stored_targets import held
from tiers import sample
from torch.nn import functional

from kd.data.augmentation import Augmentation
from kd.data.loader import Loader
from kd.data.rows import Rows
from kd.data.views import Split, ViewedImages
from kd.distillation.combined import build_method
from kd.evaluation.inference import logits_of
from kd.runtime.signals import Stopped, StopSignal
from kd.settings.recipe import Recipe
from kd.teachers.teacher import CachedTeacher, LiveTeacher
from kd.training.checkpoints import Checkpoints
from kd.training.engine import fit

MIXED = {"randaugment": (2, 9), "erase": 0.5, "mixup": 0.2, "cutmix": 1.0, "flip": "alternate"}
CPU = torch.device("cpu")


def augmented(**how):
    data = split(20)
    images = ViewedImages(data.images.raw(torch.arange(20)), Augmentation(1, **how), (0.5,), (0.3,))
    return Split(images, data.labels)


def train(model, method="cross_entropy", how=MIXED, **more):
    recipe = Recipe(epochs=3, batch_size=8, lr=0.05)
    return fit(model, build_method(method, {}), augmented(**how), split(6, 1), recipe, seed=5, **more)


def measured(training):
    return [
        {key: value for key, value in row.items() if key not in ("seconds", "images_per_second")}
        for row in training.history
    ]


@pytest.mark.parametrize("how", [MIXED, MIXED | {"views": 2}], ids=["by visit", "two versions"])
@pytest.mark.parametrize("steps", sample((1, 5, 7), (5,)))
def test_stopped_with_mixed_images_it_goes_on_to_the_same_bits(tmp_path, steps, how):
    plain, other, callback = network(), network(1), StopsAfter(steps)
    whole, begun = train(plain, how=how), Checkpoints(tmp_path, 1000, callback.ending)
    with pytest.raises(Stopped):
        train(network(), how=how, callback=callback, checkpoints=begun)
    resumed = train(other, how=how, checkpoints=Checkpoints(tmp_path, 1000, StopSignal()))
    assert measured(resumed) == measured(whole)
    for name, tensor in other.state_dict().items():
        assert torch.equal(tensor, plain.state_dict()[name]), name


def test_stored_and_live_teachers_see_the_same_mixed_pixels():
    """Of two versions of each image all logits are stored; with the two exchanged they are others."""
    how, teacher = MIXED | {"views": 2}, network(1)
    data = augmented(**how)
    rows, samples = np.repeat(np.arange(2), 20), np.tile(np.arange(20), 2)
    shown = Rows(data.images.augmentation, 99, 20).shown(rows, samples)  # no seed counts
    logits = torch.cat(list(logits_of(teacher.eval(), data.images, torch.from_numpy(samples), shown)))
    table = logits.view(2, 20, 3).half().numpy()
    live, stored, shifted = (
        LiveTeacher(teacher),
        *(CachedTeacher([held(it)], CPU) for it in (table, table[::-1].copy())),
    )
    loader, spread = Loader(data, 8, seed=5), logits.std(0).mean()
    for epoch in range(3):
        batches = loader.epoch(epoch)
        for source in (stored, shifted):
            source.start_epoch(epoch, loader.rows)
        for batch in batches:
            images, _, _ = loader.take(batch)
            seen, kept, other = (it.output(images, batch.indices).logits for it in (live, stored, shifted))
            assert torch.allclose(kept, seen, rtol=2**-10, atol=1e-6)
            assert (other - seen).abs().mean() > spread / 10


def test_the_first_step_by_hand():
    """Loss and accuracy of an epoch of one batch, before the update: the larger share's label counts."""
    data, model = augmented(mixup=1.0), network()
    loader = Loader(data, 20, seed=5)
    (batch,) = loader.epoch(0)
    images, labels, (others, share) = loader.take(batch)
    logits = model.train()(images)
    first, second = (functional.cross_entropy(logits, y, reduction="none") for y in (labels, others))
    loss = (share * first + (1 - share) * second).mean().item()
    right = 100 * (logits.argmax(1) == labels).float().mean().item()
    recipe = Recipe(epochs=1, batch_size=20, lr=0.05)
    method = build_method("cross_entropy", {})
    (row,) = fit(network(), method, data, split(6, 1), recipe, seed=5).history
    assert row["loss"] == pytest.approx(loss, rel=1e-5)
    assert row["train_accuracy"] == pytest.approx(right)


def test_networks_are_evaluated_on_plain_images():
    one, other = train(network()), train(network(), how={})
    assert one.last.logits.shape == other.last.logits.shape
    data = augmented(**MIXED)
    model = network(2).eval()
    taken = data.images.take(torch.arange(20), data.images.plain)
    assert torch.equal(taken, split(20).images.take(torch.arange(20), split(20).images.plain))
    assert torch.isfinite(model(taken)).all()
