"""Images that are brought to the device batch by batch: the same pixels, and the same training to the bit."""

import numpy as np
import pytest
import torch

from kd.data.augmentation import Augmentation
from kd.data.loader import Loader
from kd.data.rows import Rows
from kd.data.streaming import AHEAD, StreamedImages
from kd.data.views import Split, ViewedImages
from kd.distillation.combined import build_method
from kd.evaluation.inference import logits_of
from kd.evaluation.metrics import evaluate
from kd.networks.factory import build_network
from kd.settings.recipe import Recipe
from kd.training.engine import fit

pytestmark = pytest.mark.usefixtures("one_thread")
CPU = torch.device("cpu")
PIXELS = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (37, 8, 8, 1), dtype=np.uint8))
LABELS = torch.arange(37) % 3


class Counting:
    """Images that note what is read."""

    def __init__(self, images):
        self.shape, self.images, self.read = images.shape, images, []

    def __getitem__(self, samples):
        self.read.append(samples.tolist())
        return self.images[samples]


MIXED = {"randaugment": (2, 9), "erase": 0.5, "mixup": 0.2, "cutmix": 1.0}
KINDS = [{}, {"area": (0.1, 1.0)}, MIXED]


def images(kind, more={}):  # noqa: B006
    how = (Augmentation(1, True, **more), (0.5,), (0.3,))
    return ViewedImages(PIXELS, *how) if kind == "resident" else StreamedImages(Counting(PIXELS), CPU, *how)


def trained(kind, how={}, **more):  # noqa: B006
    torch.manual_seed(0)
    network = build_network("cnn", {"channels": [4, 8]}, 1, 3)
    method = build_method("cross_entropy", {})
    parts = (Split(images(kind, how), LABELS) for _ in range(2))
    training = fit(network, method, *parts, Recipe(epochs=2, batch_size=12, lr=0.05), seed=3, **more)
    return network, training


@pytest.mark.parametrize("how", KINDS, ids=str)
def test_a_training_is_the_same_to_the_bit(how):
    (one, first), (other, second) = (trained(kind, how) for kind in ("resident", "streamed"))
    for name, tensor in one.state_dict().items():
        assert torch.equal(tensor, other.state_dict()[name]), name
    for mine, theirs in zip(first.history, second.history, strict=True):
        for key in mine.keys() - {"seconds", "images_per_second"}:
            assert mine[key] == theirs[key], key


@pytest.mark.parametrize("how", KINDS, ids=str)
def test_views_outside_a_training_are_the_same_too(how):
    indices, views = torch.tensor([5, 0, 36, 5]), torch.tensor([1, 17, 4, 0])
    one, other = images("resident", how), images("streamed", how)
    assert torch.equal(one.take(indices, views), other.take(indices, views))
    assert (one.samples, one.plain, one.height) == (other.samples, other.plain, 8)
    assert one.augmentation == other.augmentation
    network = build_network("cnn", {"channels": [4, 8]}, 1, 3)
    assert torch.equal(evaluate(network, one, LABELS).logits, evaluate(network, other, LABELS).logits)


def loader(images):
    return Loader(Split(images, LABELS), 5, seed=3)


def test_every_batch_is_read_once_and_before_it_is_wanted():
    streamed = images("streamed")
    source, resident = streamed._source, loader(images("resident"))
    streaming, expected = loader(streamed), resident.epoch(2)
    indices = []
    for seen, batch in enumerate(streaming.epoch(2), 1):
        assert batch.first == 5 * (seen - 1)
        torch.testing.assert_close(streaming.take(batch), resident.take(next(expected)))
        assert len(source.read) <= seen + AHEAD + 1
        indices.append(batch.indices.tolist())
    assert sorted(source.read) == sorted(indices)


def test_in_an_evaluation_too(monkeypatch):
    """Also where images of the same part are being streamed for a training."""
    monkeypatch.setattr("kd.evaluation.inference.CPU_BATCH", (5 * 64, 5))
    streamed = images("streamed")
    source, seen = streamed._source, []

    class Network(torch.nn.Module):
        def forward(self, pixels):
            seen.append(len(pixels))
            in_order = [read for read in source.read if read == list(range(read[0], read[-1] + 1))]
            assert len(in_order) <= len(seen) + AHEAD + 1
            return pixels.flatten(1)[:, :3]

    streaming = loader(streamed)
    batch = next(epoch := streaming.epoch(0))
    logits = torch.cat(list(logits_of(Network(), streamed, torch.arange(37), 4)))
    assert seen == [5] * 7 + [2]
    assert torch.equal(logits, images("resident").take(torch.arange(37), 4).flatten(1)[:, :3])
    views = torch.from_numpy(streaming.rows)[batch.indices]
    assert torch.equal(streaming.take(batch)[0], images("resident").take(batch.indices, views))
    epoch.close()


def test_what_is_mixed_in_is_read_with_its_batch():
    streamed = images("streamed", MIXED)
    partners = Rows(streamed.augmentation, 3, 37).shown_in(2).mixed.partners
    streaming, resident = loader(streamed), loader(images("resident", MIXED))
    expected = resident.epoch(2)
    for batch in streaming.epoch(2):
        both = torch.cat([batch.indices, partners[batch.indices]]).tolist()
        assert both in streamed._source.read
        torch.testing.assert_close(streaming.take(batch), resident.take(next(expected)))


def test_what_is_done_is_not_read_again():
    streamed = images("streamed")
    assert [batch.first for batch in loader(streamed).epoch(0, done=25)] == [25, 30, 35]
    assert len(streamed._source.read) == 3


def test_the_place_of_the_batches_stays_between_epochs():
    """A CUDA graph reads where it read when it was recorded."""
    streaming, places = loader(images("streamed")), set()
    for epoch, done in ((0, 30), (1, 0), (2, 20)):
        for batch in streaming.epoch(epoch, done):
            places.add(batch.pixels.data_ptr())
    assert len(places) == 1


def test_images_that_are_not_of_the_batch_are_read_from_their_source():
    """While batches are streamed too, as by a callback that evaluates on the training images."""
    streamed = images("streamed")
    streaming, everything = loader(streamed), torch.arange(37)
    for batch in streaming.epoch(0):
        assert torch.equal(streamed.take(everything, 4), images("resident").take(everything, 4))
        views = torch.from_numpy(streaming.rows)[batch.indices]
        assert torch.equal(streaming.take(batch)[0], images("resident").take(batch.indices, views))


def test_a_batch_that_was_overwritten_is_noticed():
    streaming = loader(images("streamed"))
    batches = streaming.epoch(0)
    first, second = next(batches), next(batches)
    assert first.pixels.data_ptr() == second.pixels.data_ptr()
    with pytest.raises(RuntimeError, match="at hand"):
        streaming.take(first)


def test_a_reader_that_fails_ends_the_training():
    streamed = images("streamed")
    streamed._source.images = None
    with pytest.raises(TypeError, match="not subscriptable"):
        list(loader(streamed).epoch(0))
