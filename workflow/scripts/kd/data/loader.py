"""The parts of a data set as training sees them, and the batches that it goes through them in."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate

import numpy as np
import torch
from torch import Tensor

from kd.data.dataset import PARTS, Dataset
from kd.data.rows import Rows, Shown
from kd.data.sampler import companion_views, companions_of, order_seen
from kd.data.shards import Shards
from kd.data.streaming import StreamedImages
from kd.data.views import Split, ViewedImages

SHARE = 0.5  # of a GPU's free memory that images may fill


def load_split(data: Dataset[Tensor], part: str, device: torch.device, stream: str = "never") -> Split:
    """The part "train", "validation" or "test" of a data set on `device`.

    `stream`, as compute.stream, says whether its images stay where they are and come in batches: "auto" does
    so with those that are in files, and where all parts together would fill a GPU.
    """
    tensors = data.tensors()
    images, labels = tensors[f"{part}_images"], tensors[f"{part}_labels"].to(device)
    how = data.augmentation, data.mean, data.std
    if stream == "always" or (stream == "auto" and _fill(tensors, device)):
        return Split(StreamedImages(images, device, *how), labels)
    if isinstance(images, Shards):
        images = torch.from_numpy(images[:])
    return Split(ViewedImages(images.to(device), *how), labels)


def _fill(tensors: dict[str, Tensor], device: torch.device) -> bool:
    images = [tensors[f"{part}_images"] for part in PARTS]
    if device.type != "cuda":
        return any(isinstance(part, Shards) for part in images)
    size = sum(torch.Size(part.shape).numel() for part in images)
    return size > SHARE * torch.cuda.mem_get_info(device)[0]


@dataclass(frozen=True)
class Samples:
    """A batch of B samples that is at hand."""

    epoch: int  # by whose number views and order are drawn
    first: int  # how many samples of the epoch go before
    indices: Tensor  # (B,) int64, on the device
    # (B, H, W, C) uint8 where images are streamed, and behind them what they are mixed with.
    pixels: Tensor | None = None
    # Of several ranks: by what this one's mean counts in the average over them, which is then that of all.
    weight: float = 1.0


# Of each sample of a batch another one: images (B, C, H, W) float32, labels (B,) and numbers (B,) int64.
Companions = tuple[Tensor, Tensor, Tensor]
Mixture = tuple[Tensor, Tensor]  # other labels (B,) int64, and the share (B,) float32 of the first ones


class Loader:
    """Takes a training split apart into batches: in which order, in which views, and read ahead if streamed.

    What an epoch shows lies in tensors that stay where they are, as do streamed images: a CUDA graph reads
    there again. So a batch can be taken only until the next one is handed over.
    Of several `ranks` each takes its `rank`'s part of every batch, contiguous and as equal as can be.
    `companions`: what goes with each sample, if anything does, see kd.data.sampler; of images that are not
    mixed.
    """

    def __init__(
        self,
        split: Split,
        batch_size: int,
        seed: int,
        rank: int = 0,
        ranks: int = 1,
        companions: str | None = None,
    ) -> None:
        self._images, self._labels = split.images, split.labels
        self.samples, self.batch_size, self.device = split.images.samples, batch_size, split.labels.device
        self._rank, self._ranks = rank, ranks
        self.own_size = len(self._own(torch.arange(batch_size)))  # of a whole batch
        self._sizes = _batch_sizes(self.samples, batch_size, 2 * ranks)
        self.seed, self._at = seed, (-1, 0)  # epoch and place of the batch that was handed over last
        self._rows = Rows(split.images.augmentation, seed, self.samples)
        self._mixes = split.images.augmentation.mixes
        self.rows = np.empty(0, dtype=np.int64)  # (N,) of the epoch that was begun last, see kd.data.rows
        self._shown = self._rows.shown_in(0).to(self.device)
        self._companions = companions
        if companions:
            self._classes = self._labels.cpu().numpy()
            self._others = torch.zeros(self.samples, dtype=torch.int64, device=self.device)
            self._shown_others = torch.zeros_like(self._others)

    @property
    def labels(self) -> Tensor:
        """Of all training samples: (N,) int64, on the device."""
        return self._labels

    @property
    def steps(self) -> int:
        """Batches of an epoch."""
        return len(self._sizes)

    def epoch(self, number: int, done: int = 0) -> Iterator[Samples]:
        """The batches of epoch `number` (from 0) that come after `done` samples, every sample once.

        `rows` are those of this epoch from the call on, before the first batch is asked for.
        """
        self._at = number, -1  # of the epoch that went before no batch is right any more
        self.rows = self._rows.of_epoch(number)
        shown = self._rows.shown(self.rows, np.arange(self.samples))
        self._shown.copy_(shown)
        return self._batches(number, done, shown, self._begin_companions(number))

    def _begin_companions(self, number: int) -> Tensor | None:
        """What goes with each sample in epoch `number`, (N,) int64 on the host, if anything does."""
        if not self._companions:
            return None
        others = companions_of(self._companions, self.seed, number, self._classes, self._sizes)
        numbers = self._images.augmentation.numbers
        views = companion_views(self.seed, number, self.samples, numbers)
        self._shown_others.copy_(torch.from_numpy(views))
        self._others.copy_(on_host := torch.from_numpy(others))
        return on_host

    def _batches(self, number: int, done: int, shown: Shown, others: Tensor | None) -> Iterator[Samples]:
        order = torch.from_numpy(order_seen(self.seed, number, self.samples))
        sizes = self._sizes
        # What is read is known on the host: to read numbers back between two steps would wait for the device.
        starts = accumulate([0, *sizes[:-1]])
        parts = zip(starts, sizes, order.split(sizes), order.to(self.device).split(sizes), strict=True)
        left = [(first, size, self._own(a), self._own(b)) for first, size, a, b in parts if first >= done]
        read = [shown[samples].read(samples) for _, _, samples, _ in left]
        if others is not None:
            read = [
                torch.cat([own, others[samples]]) for own, (_, _, samples, _) in zip(read, left, strict=True)
            ]
        room = -(-max(sizes) // self._ranks)
        ahead = self._images.prefetch(
            [samples.numpy() for samples in read], room * (1 + bool(self._mixes) + bool(self._companions))
        )
        for (first, size, samples, indices), pixels in zip(left, ahead, strict=True):
            self._at = number, first
            yield Samples(number, first, indices, pixels, self._ranks * len(samples) / size)

    def _own(self, batch: Tensor) -> Tensor:
        """This rank's part of a batch."""
        return batch.tensor_split(self._ranks)[self._rank]

    def take(self, batch: Samples) -> tuple[Tensor, Tensor, Mixture | None]:
        """Images (B, C, H, W) float32 and labels (B,) int64 of the batch that was handed over last.

        Where two samples are mixed the label of the larger share, and the Mixture. Raises RuntimeError for
        another batch.
        """
        self.check(batch)
        shown = self._shown[batch.indices]
        reading = shown.read(batch.indices)
        pixels = self._images.raw(reading) if batch.pixels is None else batch.pixels[: len(reading)]
        images, shares = self._images.show(pixels, shown)
        labels = self._labels[batch.indices]
        if shares is None:
            return images, labels, None
        others, own = self._labels[shown.mixed.partners], shares >= 0.5
        return (
            images,
            torch.where(own, labels, others),
            (torch.where(own, others, labels), torch.maximum(shares, 1 - shares)),
        )

    def companions(self, batch: Samples) -> Companions | None:
        """What goes with the batch that was handed over last, in views of their own, if anything does."""
        if not self._companions:
            return None
        self.check(batch)
        others = self._others[batch.indices]
        pixels = self._images.raw(others) if batch.pixels is None else batch.pixels[-len(others) :]
        images, _ = self._images.show(pixels, Shown(self._shown_others[batch.indices]))
        return images, self._labels[others], others

    def check(self, batch: Samples) -> None:
        """RuntimeError unless this batch is the last: the views or images of others are no longer there."""
        if (batch.epoch, batch.first) != self._at:
            raise RuntimeError(f"batch {batch.epoch, batch.first} is taken, and {self._at} is at hand")


def _batch_sizes(samples: int, batch_size: int, least: int) -> list[int]:
    """A last batch of less than `least` samples joins the one before: batch norm cannot take one alone."""
    whole, rest = divmod(samples, batch_size)
    if rest and rest < least and whole:
        return [batch_size] * (whole - 1) + [batch_size + rest]
    return [batch_size] * whole + ([rest] if rest else [])
