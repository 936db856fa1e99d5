"""A network's logits without gradients, in batches as large as memory allows and speed repays."""

from collections.abc import Iterator
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

from kd.data.rows import Shown
from kd.data.views import ViewedImages
from kd.io.log import logger

# Pixels and images in a batch at most. On a CPU larger batches are no faster, only larger.
CPU_BATCH, GPU_BATCH = (2**18, 1000), (2**22, 2**14)
_halved: WeakKeyDictionary[nn.Module, int] = (
    WeakKeyDictionary()
)  # batches that fitted, after some that did not


def largest_batch(network: nn.Module, images: ViewedImages, device: torch.device) -> int:
    """Images in a batch to begin with: 256 of 32×32 on a CPU (some 1.5 GB in DenseNet), 4,096 on a GPU.

    What counts is the size that the network resizes them to, if it does.
    """
    pixels, count = CPU_BATCH if device.type == "cpu" else GPU_BATCH
    sides = [getattr(module, "resizes_to", None) or 0 for module in network.modules()]
    return max(1, min(count, pixels // max(images.height * images.width, *(side**2 for side in sides))))


def logits_of(
    network: nn.Module,
    images: ViewedImages,
    samples: Tensor,
    shown: Shown | Tensor | int,
    *,
    whole: bool = False,
) -> Iterator[Tensor]:
    """The logits (B, classes) of the samples (N,) int64 in what is shown of them, one batch after the other.

    `whole`: the last batch is filled up to the size of the others, and its surplus logits are dropped. The
    last bits of a logit depend on the size of its batch, though not on the others in it.
    A batch that does not fit the device's memory is halved, as are those that follow, of later calls too.
    Images that are streamed are read ahead.
    """
    size, first = min(largest_batch(network, images, samples.device), _halved.get(network, GPU_BATCH[1])), 0
    shown = Shown.of(shown, samples)
    while first < len(samples):
        places = _places(first, len(samples), size, samples.device, whole=whole)
        parts = [shown[place] for place in places]
        reads = [part.read(samples[place]) for place, part in zip(places, parts, strict=True)]
        try:
            for part, pixels in zip(parts, images.read_ahead(reads), strict=True):
                with torch.inference_mode():
                    logits = network(images.show(pixels, part)[0])
                yield logits[: len(samples) - first]
                first += len(logits)
        except torch.OutOfMemoryError:
            if size == 1:
                raise
            size = _halved[network] = (size + 1) // 2
            logger.info("a batch does not fit the memory of the device; goes on with %d images", size)


def _places(first: int, end: int, size: int, device: torch.device, *, whole: bool) -> list[Tensor]:
    """The places from `first` to `end` in batches of `size`; `whole`: a short last one repeats its own."""
    places = [torch.arange(start, min(start + size, end), device=device) for start in range(first, end, size)]
    if whole:
        places[-1] = places[-1][torch.arange(size, device=device) % len(places[-1])]
    return places
