"""Decoding images and bringing them to one size, many at a time."""

import time
import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from itertools import pairwise
from typing import Any

import numpy as np
from PIL import Image, UnidentifiedImageError

from kd.datasets.readers.upright import upright
from kd.errors import UserError
from kd.io.log import logger

WORKERS = 4  # decoders release the interpreter's lock; more than a few threads only wait for the disk
MEGAPIXELS = 179  # of the largest image that is read: Pillow's own bound, rounded
QUIET = 2.0  # seconds without a line while images are read; a small folder logs nothing


class Decoded:
    """What `read` makes of each item, when it is asked for: as an array (len(items), size, size, 3) uint8.

    Progress of a long reading is logged, in lines that begin with `label`.
    """

    ndim, dtype = 4, np.dtype(np.uint8)

    def __init__(
        self,
        items: Sequence[Any],
        read: Callable[[Any], np.ndarray],
        size: int,
        label: str,
        memory: Any = None,
    ) -> None:
        """`memory`, which remembers items that were read, has `known(items)` and `recall(items, known)`."""
        self.shape = (len(items), size, size, 3)
        self._items, self._read, self._label, self._memory = items, read, label, memory
        self._done, self._spoken = 0, time.monotonic()

    def __len__(self) -> int:
        return len(self._items)

    def __getitem__(self, samples: np.ndarray | slice) -> np.ndarray:
        """Those of the samples, a slice or (B,) int64: (B, size, size, 3) uint8."""
        Image.init()  # all formats now: threads that load them at the same time can miss one
        samples = np.arange(len(self))[samples]
        images = np.empty((len(samples), *self.shape[1:]), dtype=np.uint8)
        bounds = [len(samples) * tenth // 10 for tenth in range(11)]
        with ThreadPoolExecutor(WORKERS) as pool:
            for start, end in pairwise(bounds):
                items = [self._items[sample] for sample in samples[start:end]]
                for index, image in enumerate(pool.map(self._read, items), start):
                    images[index] = image
                self._tell(end - start)
        return images

    def known(self, samples: np.ndarray) -> dict[str, np.ndarray]:
        """What is known of the samples (B,) int64 besides their pixels: arrays with a row for each."""
        return self._memory.known([self._items[sample] for sample in samples]) if self._memory else {}

    def recall(self, samples: np.ndarray, known: dict[str, np.ndarray]) -> None:
        """Know this of samples (B,) int64 that are not read again."""
        self._done += len(samples)
        if self._memory:
            self._memory.recall([self._items[sample] for sample in samples], known)

    def _tell(self, read: int) -> None:
        self._done += read
        if time.monotonic() - self._spoken > QUIET:
            logger.info("%s: %s of %s images read", self._label, f"{self._done:,}", f"{len(self):,}")
            self._spoken = time.monotonic()


def allow_megapixels(most: int) -> None:
    """From now on images of at most so many million pixels are read; as a small file can
    make them fill the memory."""
    Image.MAX_IMAGE_PIXELS = most * 500_000  # it warns of more, and refuses twice as many
    warnings.simplefilter("ignore", Image.DecompressionBombWarning)


def read_image(
    file: str,
    size: int,
    turned: Callable[[Image.Image], Image.Image] = upright,
    content: bytes | None = None,
) -> np.ndarray:
    """One image as (size, size, 3) uint8: made upright by its EXIF orientation, then fitted.

    `turned` takes the image as it is stored, and makes it upright in another way; `content` are the bytes of
    the file, where they are known. Of an animation the first frame is taken. Raises UserError naming the file
    when it cannot be decoded.
    """
    try:
        with Image.open(file if content is None else BytesIO(content)) as image:
            return fitted(turned(image), size)
    except Exception as error:  # what a broken image raises depends on its format
        raise UserError(f"{file}: cannot be read as an image: {_reason(error)}") from error


def _reason(error: Exception) -> str:
    """What is wrong with an image, and what to do."""
    if isinstance(error, Image.DecompressionBombError):
        most = Image.MAX_IMAGE_PIXELS * 2 / 1e6
        return (
            f"it has more than the {most:.0f} million pixels that are allowed; shrink it, or raise"
            " dataset.max_megapixels (of predict.py: --max-megapixels)"
        )
    if isinstance(error, OSError) and error.errno is not None:
        return f"{error.strerror}; mend that and run again"  # of the system: it may be whole
    if isinstance(error, UnidentifiedImageError):
        error = "it is in no format that Pillow knows"
    return f"{error}; mend it or take it away"


def fitted(image: Image.Image, size: int) -> np.ndarray:
    """An image as (size, size, 3) uint8: made RGB, cut square, resized.

    The square is the middle of the image; resizing is bilinear with antialiasing. An image of the right
    size keeps its pixels. Transparency is dropped. Raises ValueError for 32-bit floats.
    """
    square = _cut_square(_to_rgb(image))
    return np.asarray(square.resize((size, size), Image.Resampling.BILINEAR))


def _to_rgb(image: Image.Image) -> Image.Image:
    """8-bit RGB from any mode but 32-bit floats, whose range is not known (ValueError)."""
    if image.mode == "F":
        raise ValueError("pixels are floating-point numbers; 8 or 16 bits are allowed")
    if image.mode.startswith("I"):  # 16 bits; Pillow's own conversion cuts all above 255 off
        pixels = np.asarray(image).astype(np.int64).clip(0, 65535)
        image = Image.fromarray(((pixels + 128) // 257).astype(np.uint8))
    elif image.mode == "P":
        image = image.convert("RGBA")  # straight to RGB, Pillow warns about transparent colours
    return image.convert("RGB")


def _cut_square(image: Image.Image) -> Image.Image:
    side = min(image.size)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    return image.crop((left, top, left + side, top + side))
