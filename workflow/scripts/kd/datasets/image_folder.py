"""Any folder of images, as train/<class>/<image> and test/<class>/<image>, or val/ in the place of test/.

Folders of classes alone, <class>/<image>, are split by `test_fraction`. ImageNet with a folder for each class
is such a folder; `class_names: LOC_synset_mapping.txt` makes its names readable.
"""

from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np

from kd.data.dataset import RawSplits
from kd.datasets.folders.contents import find_images, names_of, root_of, split_options
from kd.datasets.folders.listing import digests_of
from kd.datasets.folders.notes import notes_on
from kd.datasets.folders.record import Record
from kd.datasets.readers.images import Decoded, allow_megapixels
from kd.io.digests import kept_digests
from kd.settings.types import Count, Fraction, ImageSize, Seed, Text

PAD = 4
FLIP = True
SOURCE = "a folder of images"
LICENCE = "unknown: a folder of images does not say"
WATCHES = "path"  # the option that names a folder whose changes make the data set be prepared again
# Options that decide what in it counts, and in which split.
LISTED_WITH = ("test_folder", "class_names", "test_fraction", "group_by", "test_seed")


def load(
    downloads: Path,
    *,
    path: str,
    image_size: ImageSize = 32,
    test_folder: Literal["test", "val", "valid", "validation"] | None = None,
    class_names: str | None = None,
    test_fraction: Fraction | None = None,
    group_by: Text | None = None,
    test_seed: Seed = 0,
    max_megapixels: Count = 179,
) -> RawSplits:
    """Images (N, image_size, image_size, 3) of the folder `path`; `downloads` is not used.

    `path`: the folder that holds train/ and test/, or val/; with `test_fraction` a folder for each class.
    `image_size`: pixels a side that images are resized to, after they were cut to their centre square.
    `test_folder`: which of test/, val/, valid/ and validation/ the test images are in; needed where there are
    several.
    `class_names`: a text file in `path` with a line for each class: its folder, a tab or a space, and its
    names, of which the first is taken.
    `test_fraction`: share of the images of every class that is used as test split, where the folder has no
    train/ and test/.
    `group_by`: with test_fraction, a regular expression on "class/image.jpg"; images with the same text in
    its brackets, such as the shots of one scene, are all in one split.
    `test_seed`: with test_fraction, seed of the choice of test images.
    `max_megapixels`: million pixels of the largest image that is read.

    Images are read when they are asked for, so they may be more than memory holds. Raises UserError naming
    the folder when the layout is not right, and, then, the file that cannot be read.
    """
    allow_megapixels(max_megapixels)
    options = split_options(test_fraction, group_by, test_seed)
    root_of(path)  # an error of its own for what can be no path
    with kept_digests(path, write=False) as digest_of:
        contents = find_images(path, test_folder, options, partial(digests_of, path, digest_of))
    classes = tuple(contents.classes["train"])
    names = names_of(path, class_names, classes) if class_names else None
    record, arrays = Record(contents, image_size), []
    for split, members in contents.classes.items():
        arrays.append(Decoded(list(contents.files(split)), record.read, image_size, split, record))
        sizes = [len(images) for images in members.values()]
        arrays.append(np.repeat(np.arange(len(members), dtype=np.int64), sizes))
    return RawSplits(
        *arrays,
        names or classes,
        listing=partial(record.listing, names),
        notes=partial(notes_on, contents, record.seen),
        train_groups=contents.groups_of("train"),
    )
