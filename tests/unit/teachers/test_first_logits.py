"""What a teacher says of all training images in the first epoch: run, or read from the cache."""

import numpy as np
import pytest
import torch
from small_training import network
from stored_targets import held

from kd.data.augmentation import Augmentation
from kd.data.loader import Loader
from kd.data.rows import Rows
from kd.data.views import Split, ViewedImages
from kd.teachers import teacher as teachers
from kd.teachers.teacher import CachedTeacher, LiveTeacher, first_logits


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    monkeypatch.setattr(teachers, "BLOCK", 8)


PLAIN = Augmentation(1, True)


def images(how=PLAIN):
    pixels = torch.randint(0, 256, (20, 8, 8, 1), dtype=torch.uint8, generator=torch.manual_seed(1))
    return ViewedImages(pixels, how, (0.5,), (0.3,))


@pytest.mark.parametrize("how", [Augmentation(1, True), Augmentation(1, True, mixup=0.2)])
def test_of_the_very_views_that_the_first_epoch_shows(how):
    """In the order of the samples, each as the loader shows it, mixed ones too."""
    live, data = network().eval(), images(how)
    ours = first_logits(LiveTeacher(live), data, seed=5)
    loader = Loader(Split(data, torch.arange(20) % 3), 6, 5)
    for batch in loader.epoch(0):
        seen, *_ = loader.take(batch)
        with torch.no_grad():
            assert torch.allclose(ours[batch.indices], live(seen), atol=1e-5)


def test_cached_ones_are_read_and_no_image():
    data, rows = images(), Rows(Augmentation(1, True), 5, 20)
    table = np.random.default_rng(0).normal(size=(data.augmentation.count, 20, 3)).astype(np.float16)
    data.raw = data.take = None  # would be an error
    ours = first_logits(CachedTeacher([held(table)], torch.device("cpu")), data, seed=5)
    assert ours.tolist() == table[rows.of_epoch(0), np.arange(20)].astype(float).tolist()
