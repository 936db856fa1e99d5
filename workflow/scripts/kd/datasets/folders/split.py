"""Class folders without train/ and test/, split into both. Standard library only: see contents.py."""

import re
from collections.abc import Callable, Mapping
from os import DirEntry
from pathlib import Path
from typing import NamedTuple

from kd.data.groups import grouped_split
from kd.datasets.folders.classes import Classes, classes_in
from kd.datasets.readers.class_names import composed
from kd.errors import UserError

KEY, PATTERN = "dataset.test_fraction", "dataset.group_by"
Digest = Callable[[Mapping[str, DirEntry]], dict[str, str]]  # names -> digests of the contents


class SplitOptions(NamedTuple):
    """How class folders are split: the options of the data set."""

    fraction: float
    group_by: str | None = None
    seed: int = 0


def split_folder(
    root: Path, options: SplitOptions, unused: dict[str, list[str]], digests: Digest
) -> tuple[dict[str, Classes], dict[str, str], list[str]]:
    """The classes of each split, the group of each image <class>/<path>, and those without a match.

    An image's group is what `group_by` finds in <class>/<path>, and else its content. So neither place nor
    time nor the name of a file counts, and identical images are on one side. Raises UserError naming the key.
    """
    classes = classes_in(root, unused)
    if len(classes) < 2:
        has = ", ".join(map(repr, classes)) or "none"
        raise UserError(f"dataset.path: {str(root)!r} needs two class folders or more, has: {has}")
    files = {f"{name}/{path}": file for name, images in classes.items() for path, file in images.items()}
    groups = _by_pattern(options.group_by, list(files)) if options.group_by else {}
    alone = {name: file for name, file in files.items() if name not in groups}
    groups |= digests(alone)
    names = list(files)
    of_class = [name.partition("/")[0] for name in names]
    cut = grouped_split(of_class, [groups[name] for name in names], options.fraction, options.seed, KEY)
    test = {names[sample] for sample in cut}
    splits = {
        split: {
            name: {path: file for path, file in images.items() if (f"{name}/{path}" in test) == held_out}
            for name, images in classes.items()
        }
        for split, held_out in (("train", False), ("test", True))
    }
    return splits, groups, list(alone) if options.group_by else []


def _by_pattern(pattern: str, names: list[str]) -> dict[str, str]:
    """The groups of all names that match the pattern: the text in its brackets."""
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise UserError(f"{PATTERN}: {pattern!r} is no regular expression: {error}") from error
    if not compiled.groups:
        raise UserError(
            f"{PATTERN}: {pattern!r} has no brackets; put them around the part that names a group, such as"
            r" '(scene\d+)'"
        )
    groups = {name: match for name in names if (match := compiled.search(composed(name)))}
    if not groups:
        raise UserError(f"{PATTERN}: {pattern!r} matches none of {len(names):,} names, such as {names[0]!r}")
    return {name: "\0".join(part or "" for part in match.groups()) for name, match in groups.items()}
