"""A split by class in which the samples of a group stay on one side.

Standard library only: the Snakefile asks for it each time it is read.
"""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Sequence

from kd.errors import UserError


def grouped_split(
    classes: Sequence[str], groups: Sequence[str], fraction: float, seed: int, key: str
) -> list[int]:
    """The samples that are cut off, rising: about `fraction` of each class, in whole groups.

    `classes` and `groups` have the class and the group of each sample. Groups are taken in the order of a
    digest of `seed` and their name, as long as no class of theirs gets further from its share, and never the
    last of a class. So, where each sample is a group, n more samples of a class change the side of at most n.
    Raises UserError naming `key` and a class that cannot be parted: all its samples are of one group.
    """
    samples_of: defaultdict[str, list[int]] = defaultdict(list)
    for sample, group in enumerate(groups):
        samples_of[group].append(sample)
    sizes = {group: Counter(classes[i] for i in samples) for group, samples in samples_of.items()}
    total, cut, taken = Counter(classes), Counter(), set()
    shares = {name: max(1, round(fraction * count)) for name, count in total.items()}
    order = sorted(sizes, key=lambda group: hashlib.sha256(f"{seed}\0{group}".encode()).digest())

    def all_stay(group: str) -> bool:
        return all(cut[name] + size < total[name] for name, size in sizes[group].items())

    for group in order:
        near = all(cut[name] + size / 2 <= shares[name] for name, size in sizes[group].items())
        if near and all_stay(group):
            taken.add(group)
            cut += sizes[group]
    for name in total:
        if not cut[name]:  # all its groups are large
            left = [group for group in order if name in sizes[group] and all_stay(group)]
            if not left:
                raise UserError(
                    f"{key}: class {name!r} cannot be split, because its {total[name]} image(s) are of one"
                    " group, or identical; give it more images, or use smaller groups"
                )
            smallest = min(left, key=lambda group: sizes[group].total())
            taken.add(smallest)
            cut += sizes[smallest]
    return sorted(sample for group in taken for sample in samples_of[group])
