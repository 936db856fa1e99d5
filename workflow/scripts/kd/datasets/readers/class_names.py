"""Readable names of classes that are called otherwise, such as n01443537.

Standard library only: see contents.py.
"""

import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence


def composed(name: str) -> str:
    """A name with each accented letter as one character: some disks and archives keep them as two."""
    return name if name.isascii() else unicodedata.normalize("NFC", name)


def parse_names(text: str) -> dict[str, str]:
    """Class -> its first name, from the lines of words.txt, LOC_synset_mapping.txt and the like.

    A line is the class, a tab, and its names with commas between; where there is no tab, a space parts them.
    Lines of one word are ignored.
    """
    names_of = {}
    for line in text.splitlines():
        key, parting, names = line.strip().partition("\t" if "\t" in line else " ")
        name = names.split(",")[0].strip()
        if parting and name:
            names_of[composed(key.strip())] = name
    return names_of


def readable(keys: Sequence[str], names: Mapping[str, str]) -> tuple[str, ...]:
    """The names of the classes `keys`, each once: with its key in brackets where two have the same.

    ImageNet has two cranes, of which one is a bird. Raises ValueError naming the first class without one.
    """
    if lacking := [key for key in keys if key not in names]:
        raise ValueError(f"no name of class {lacking[0]!r}")
    counts = Counter(names[key] for key in keys)
    return tuple(names[key] if counts[names[key]] == 1 else f"{names[key]} ({key})" for key in keys)
