"""Folders of images that must be refused: what is done to a good one, and how the message begins."""

import os
import shutil
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

STUDY = {"dataset": {"name": "image_folder", "path": "mine", "image_size": 8, "validation": 0.25}}
BROKEN = "cannot be read as an image: …; mend it or take it away"
NOWHERE = "cannot be read: …; mend it or take it away"
LAYOUT = "the layout is train/<class>/<image> and test/<class>/<image>"


def make_images(folder: Path) -> None:
    """Two classes, four training images and one test image each, of 10x14 random pixels."""
    random = np.random.RandomState(0)
    for split, count in (("train", 4), ("test", 1)):
        for name in ("cat", "dog"):
            (folder / split / name).mkdir(parents=True)
            for number in range(count):
                save(
                    random.randint(0, 256, (14, 10, 3)).astype(np.uint8),
                    folder / split / name / f"{number}.png",
                )


def save(pixels: np.ndarray, path: Path) -> None:
    Image.fromarray(pixels).save(path)


def removing(*parts: str) -> Callable[[Path], None]:
    """Take these folders away."""

    def spoil(mine: Path) -> None:
        for part in parts:
            shutil.rmtree(mine / part)

    return spoil


def a_file(mine: Path) -> None:
    shutil.rmtree(mine)
    mine.write_text("images")


def empty(mine: Path) -> None:
    shutil.rmtree(mine)
    mine.mkdir()


def without_classes(mine: Path) -> None:
    for split in ("train", "test"):
        for image in (mine / split).glob("*/*"):
            image.rename(mine / split / f"{image.parent.name}{image.name}")
        for name in ("cat", "dog"):
            (mine / split / name).rmdir()


def another_class(split: str) -> Callable[[Path], None]:
    return lambda mine: shutil.copytree(mine / split / "cat", mine / split / "owl") and None


def empty_class(mine: Path) -> None:
    for split in ("train", "test"):
        (mine / split / "owl").mkdir()


def class_of_notes(mine: Path) -> None:
    for split in ("train", "test"):
        (mine / split / "owl").mkdir()
        (mine / split / "owl" / "notes.txt").write_text("none seen yet")


def link(name: str, target: str) -> Callable[[Path], None]:
    return lambda mine: (mine / name).symlink_to(target)


def class_that_is_no_text(mine: Path) -> None:
    (mine / "train" / os.fsdecode(b"\xff")).mkdir()


def cut(name: str) -> Callable[[Path], None]:
    """An image of which only the first 60 % is there."""

    def spoil(mine: Path) -> None:
        file = mine / "train" / "cat" / name
        save(np.random.RandomState(0).randint(0, 256, (40, 40, 3)).astype(np.uint8), file)
        content = file.read_bytes()
        file.write_bytes(content[: len(content) * 6 // 10])

    return spoil


def holding(name: str, content: bytes) -> Callable[[Path], None]:
    return lambda mine: (mine / "train" / "cat" / name).write_bytes(content) and None


def bomb() -> bytes:
    """A PNG of a few bytes whose header promises 100,000 x 100,000 pixels."""
    header = b"IHDR" + (100_000).to_bytes(4) * 2 + bytes([8, 2, 0, 0, 0])
    body = b"IDAT" + zlib.compress(bytes(1000))
    chunks = [
        (len(chunk) - 4).to_bytes(4) + chunk + zlib.crc32(chunk).to_bytes(4) for chunk in (header, body)
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def floats(mine: Path) -> None:
    save(np.full((9, 9), 0.5, dtype=np.float32), mine / "train" / "cat" / "9.tif")


def one_image(mine: Path) -> None:
    for number in (1, 2, 3):
        (mine / "train" / "cat" / f"{number}.png").unlink()


# Seen while the config is read: nothing runs.
LAYOUTS: dict[str, tuple[Callable[[Path], None], str]] = {
    "folder-missing": (shutil.rmtree, f"dataset.path: no folder 'mine/train'; {LAYOUT}"),
    "folder-is-a-file": (a_file, f"dataset.path: no folder 'mine/train'; {LAYOUT}"),
    "folder-empty": (empty, f"dataset.path: no folder 'mine/train'; {LAYOUT}"),
    "train-only": (removing("test"), f"dataset.path: no folder 'mine/test'; {LAYOUT}"),
    "test-and-val": (
        lambda mine: shutil.copytree(mine / "test", mine / "val") and None,
        "dataset.path: 'mine' has both test/ and val/; name the one to test with in dataset.test_folder: test or",
    ),
    "one-class": (
        removing("train/cat", "test/cat"),
        "dataset.path: 'mine/train' needs two class folders or more, has: 'dog'",
    ),
    "no-class": (without_classes, "dataset.path: 'mine/train' needs two class folders or more, has: none"),
    "class-in-test-only": (
        another_class("test"),
        "dataset.path: 'mine/train' lacks the classes 'owl' of test/",
    ),
    "class-in-train-only": (
        another_class("train"),
        "dataset.path: 'mine/test' lacks the classes 'owl' of train/",
    ),
    "class-empty": (empty_class, "dataset.path: no image in 'mine/train/owl'; allowed are .avif, .bmp, "),
    "class-without-images": (
        class_of_notes,
        "dataset.path: no image in 'mine/train/owl', which holds .txt 1; allowed are .avif, .bmp, ",
    ),
    "class-not-text": (
        class_that_is_no_text,
        "dataset.path: the name of 'mine/train/\\udcff' is no UTF-8 text; rename it",
    ),
    "loop-to-parent": (
        link("train/loop", ".."),
        "dataset.path: 'mine/train/loop' leads back to a folder above it; take this link away",
    ),
    "loop-of-a-class": (link("train/loop", "../train/loop"), f"dataset.path: 'mine/train/loop' {NOWHERE}"),
    "loop-of-a-file": (link("train/cat/9.png", "9.png"), f"dataset.path: 'mine/train/cat/9.png' {NOWHERE}"),
    "link-of-a-file-to-nowhere": (
        link("test/dog/9.png", "gone.png"),
        f"dataset.path: 'mine/test/dog/9.png' {NOWHERE}",
    ),
    "link-of-a-class-to-nowhere": (link("train/owl", "/gone"), f"dataset.path: 'mine/train/owl' {NOWHERE}"),
}

# Seen when the images are read.
IMAGES: dict[str, tuple[Callable[[Path], None], str]] = {
    "truncated-jpeg": (cut("9.jpg"), f"mine/train/cat/9.jpg: {BROKEN}"),
    "truncated-png": (cut("9.png"), f"mine/train/cat/9.png: {BROKEN}"),
    "truncated-odd-name": (cut(os.fsdecode(b"\xff.png")), f"mine/train/cat/\\udcff.png: {BROKEN}"),
    "zero-bytes": (holding("9.png", b""), f"mine/train/cat/9.png: {BROKEN}"),
    "random-bytes": (
        holding("9.gif", np.random.RandomState(0).bytes(999)),
        f"mine/train/cat/9.gif: {BROKEN}",
    ),
    "text": (holding("9.png", b"a cat"), f"mine/train/cat/9.png: {BROKEN}"),
    "bomb": (
        holding("9.png", bomb()),
        "mine/train/cat/9.png: cannot be read as an image: it has more than the 179 million pixels …; shrink it, or raise dataset.max_megapixels",
    ),
    "floats": (floats, "mine/train/cat/9.tif: …floating-point numbers; 8 or 16 bits are allowed; mend it or"),
    "too-few-to-split": (
        one_image,
        "dataset.validation: class 'cat' has 1 image(s), of which 1 would be cut off and …; give it more images or ",
    ),
}
