"""How many images and classes the data sets have that are the same for everyone."""

from kd.jobs.data import DataSettings

# Training images, test images, classes. Here and not in the plug-ins, because a change there would prepare
# the data of finished studies again.
KNOWN = {
    "cifar10": (50_000, 10_000, 10),
    "cifar100": (50_000, 10_000, 100),
    "fashion_mnist": (60_000, 10_000, 10),
    "mnist": (60_000, 10_000, 10),
    "stl10": (5_000, 8_000, 10),
    "svhn": (73_257, 26_032, 10),
    "tiny_imagenet": (100_000, 10_000, 200),
}
DIGITS = 1_797


def classes_of(dataset: DataSettings) -> int | None:
    """Its number of classes; None where that is not known before it is read."""
    if dataset.name == "digits":
        return 10
    if dataset.name in KNOWN:
        return KNOWN[dataset.name][2]
    listed = dataset.options.get("classes")
    return len(listed) if isinstance(listed, list | tuple) else None
