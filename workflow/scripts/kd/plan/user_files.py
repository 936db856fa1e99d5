"""Digests of the user's own files: images, weights, logits. Standard library only."""

import logging
import sys
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from kd.datasets.folders.contents import find_images, names_of, reading_images, root_of, split_options
from kd.datasets.folders.listing import digests_of, listing_of
from kd.errors import UserError
from kd.io.digests import CACHE, kept_digests
from kd.io.log import logger

# The arrays in a file of the user's logits.
NEEDED, OPTIONAL = ("train_ids", "train_logits"), ("test_ids", "test_logits")
CLASSES = "classes"  # their names, in order


def listing(
    path: str,
    cache: Path = CACHE,
    *,
    test_folder: str | None = None,
    class_names: str | None = None,
    test_fraction: float | None = None,
    group_by: str | None = None,
    test_seed: int = 0,
) -> str:
    """SHA-256 over the names and contents of the images under `path`, as hexadecimal.

    And over the names of the classes, where a file gives them; see find_images and names_of. A name begins
    with the split that the image is in.

    It changes when images are added, removed, renamed or edited, but not when they are copied to another
    place or touched. A file is read once: `cache` keeps its digest for as long as its size and time stay.
    Says how far it is where that takes long. Raises UserError as find_images and names_of do.
    """
    root_of(path)  # an error of its own for what can be no path
    options = split_options(test_fraction, group_by, test_seed)
    with reading_images(), kept_digests(path, cache) as digest_of:
        digests = partial(digests_of, path, digest_of)
        contents = find_images(path, test_folder, options, digests)
        names = names_of(path, class_names, list(contents.classes["train"])) if class_names else None
        return listing_of(digests(contents.files("train") | contents.files("test")).items(), names)


def content(path: str, key: str, cache: Path = CACHE) -> str:
    """SHA-256 of the user's file `path`, as hexadecimal; a leading ~ is the home folder.

    It stays when the file is moved or touched. Raises UserError naming `key` if it cannot be read.
    """
    with reading(path, key), kept_digests(path, cache) as digest_of:
        return digest_of(Path(path).expanduser())


@contextmanager
def reading(path: str, key: str) -> Iterator[None]:
    """Turn what the system says of a file into a UserError that names the config's key."""
    try:
        yield
    except (OSError, RuntimeError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UserError(f"{key}: {path[:60]!r} cannot be read: {reason}") from error


@contextmanager
def log_to_stderr() -> Iterator[None]:
    """While the block runs, the logger "kd" writes to stderr: stdout is for --dag and --summary."""
    handler = logging.StreamHandler(sys.stderr)
    before = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logger.setLevel(before)
        logger.removeHandler(handler)


def names_in(path: str, key: str) -> set[str]:
    """The names of the arrays in an .npz file, which are NEEDED, both of OPTIONAL or none, perhaps CLASSES.

    Raises UserError naming `key`, the config's, if it cannot be read, or holds others.
    """
    try:
        with reading(path, key), zipfile.ZipFile(Path(path).expanduser()) as file:
            names = {name.removesuffix(".npy") for name in file.namelist()}
    except UserError:
        raise
    except Exception as error:  # zipfile has many kinds for what is no archive
        raise UserError(f"{key}: {path[-60:]!r} is no .npz file ({error})") from error
    missing = [name for name in NEEDED if name not in names]
    missing += [name for name in OPTIONAL if name not in names] if names & set(OPTIONAL) else []
    unknown = sorted(names - {*NEEDED, *OPTIONAL, CLASSES})
    if missing or unknown:
        held = f"holds {', '.join(unknown)[:60]!r}" if unknown else ""
        wrong = " and ".join(
            part for part in (f"lacks {', '.join(missing)}" if missing else "", held) if part
        )
        allowed = f"{', '.join(NEEDED)}, and {' and '.join(OPTIONAL)} or neither; {CLASSES} may be there"
        raise UserError(f"{key}: {path[-60:]!r} {wrong}; it should hold {allowed}")
    return names
