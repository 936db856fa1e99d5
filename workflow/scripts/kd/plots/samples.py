"""A contact sheet: some images of each class, as they are and as training shows them."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from kd.io.atomic import atomic
from kd.io.log import logger
from kd.plots.fonts import drawable, families_for
from kd.plots.style import WIDTH, short, styled

ROWS, COLUMNS = 10, 8
SIDE = 64  # pixels of a tile at least, so that a small image is not blurred when it is drawn
GAP = 4  # pixels between tiles
PAPER = 255


Seen = Callable[[np.ndarray], np.ndarray]  # of samples (B,), images (B, H, W, C) uint8


def write_samples(
    path: Path, images: np.ndarray, labels: np.ndarray, classes: Sequence[str], seen: Seen | None = None
) -> None:
    """Write the contact sheet of (N, H, W, C) uint8 images as PNG, whole or not at all."""
    figure = draw_samples(images, labels, classes, seen)
    with atomic(path) as temporary:
        figure.savefig(temporary, dpi=150, bbox_inches="tight", pad_inches=0.05)  # however long names are


@styled
def draw_samples(
    images: np.ndarray, labels: np.ndarray, classes: Sequence[str], seen: Seen | None = None
) -> Figure:
    """A row for each class, with its first eight images; of more than ten classes ten, spread evenly.

    Below each row the same images as they are `seen` in training, where that is given.

    Signs of names that no installed font has are codes, and a line of the log says so.
    """
    shown = np.unique(np.linspace(0, len(classes) - 1, min(ROWS, len(classes))).round().astype(int))
    members = [np.flatnonzero(labels == label)[:COLUMNS] for label in shown]
    views = (lambda some: images[some], seen) if seen else (lambda some: images[some],)
    sheet = np.concatenate([_row(view(some), images.shape[1:]) for some in members for view in views])
    height, width = sheet.shape[:2]
    figure = Figure(figsize=(WIDTH, WIDTH * height / width))
    ax = figure.subplots()
    ax.imshow(sheet, interpolation="nearest" if sheet.shape[1] < 150 * WIDTH else "antialiased")
    middles = (np.arange(len(shown)) + 0.5) * height / len(shown)
    names = [short(classes[label]) for label in shown]
    families, lacking = families_for(names)
    if lacking:
        signs = "".join(sorted(lacking))
        logger.warning("samples.png: no font has %s, drawn as codes; install Noto Sans CJK, for one", signs)
    texts = [drawable(name, lacking) for name in names]
    # Names are shown as they are: in one with two dollar signs Matplotlib would see a formula.
    ax.set_yticks(middles, texts, parse_math=False, fontfamily=families)
    ax.set_xticks([])
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    titles = [f"{len(shown)} of {len(classes)} classes"] if len(shown) < len(classes) else []
    titles += ["each second row: as training shows them"] if seen else []
    if titles:
        ax.set_title("; ".join(titles), loc="left")
    return figure


def _row(images: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Tiles beside each other, grey ones as RGB; empty where there are fewer than eight images."""
    height, width, channels = shape
    tiles = np.full((COLUMNS, height, width, 3), PAPER, dtype=np.uint8)
    tiles[: len(images)] = images if channels == 3 else images[..., :1]
    times = -(-SIDE // max(height, width))
    tiles = tiles.repeat(times, axis=1).repeat(times, axis=2)
    tiles = np.pad(tiles, ((0, 0), (0, GAP), (0, GAP), (0, 0)), constant_values=PAPER)
    return np.concatenate(list(tiles), axis=1)
