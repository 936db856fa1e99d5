"""Small downloads of the data sets' true binary forms, written without the code that reads them."""

import gzip
import io
import struct
import tarfile
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
from PIL import Image
from scipy.io import savemat

Files = dict[str, bytes]  # by name
WNIDS = ("n01443537", "n02002724", "n03126707")


@dataclass
class Made:
    """What is inside the downloads of a data set, what they are made of it, and what must be read from them."""

    members: dict[str, Any]
    pack: Callable[[dict[str, Any]], Files]
    train: np.ndarray  # (N, H, W, C) uint8
    test: np.ndarray
    labels: tuple[list[int], list[int]]
    classes: tuple[str, ...]

    def files(self, changed: Mapping[str, Any] = MappingProxyType({})) -> Files:
        """The downloads, some of their members changed, or taken away by None."""
        members = self.members | dict(changed)
        return self.pack({name: content for name, content in members.items() if content is not None})


def pixels(seed: int, count: int, side: int, channels: int = 3) -> np.ndarray:
    return np.random.RandomState(seed).randint(0, 256, (count, side, side, channels)).astype(np.uint8)


def tar(folder: str, name: str) -> Callable[[dict[str, bytes | str]], Files]:
    """Packs a .tar.gz of files in `folder`; of one that is text a symbolic link to there."""

    def pack(members: dict[str, bytes | str]) -> Files:
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w:gz") as archive:
            for member, content in members.items():
                info = tarfile.TarInfo(f"{folder}/{member}")
                if isinstance(content, str):
                    info.type, info.linkname = tarfile.SYMTYPE, content
                else:
                    info.size = len(content)
                archive.addfile(info, None if isinstance(content, str) else io.BytesIO(content))
        return {name: packed.getvalue()}

    return pack


def lines(words: str) -> bytes:
    return words.replace(" ", "\n").encode() + b"\n"


def records(images: np.ndarray, *labels: list[int]) -> bytes:
    """CIFAR's: label bytes, then the three planes."""
    planes = images.transpose(0, 3, 1, 2)
    return b"".join(bytes(marks) + image.tobytes() for *marks, image in zip(*labels, planes, strict=True))


def cifar10(per_file: int = 2) -> Made:
    train, test = pixels(0, 5 * per_file, 32), pixels(1, per_file, 32)
    label = [(3 + 6 * k) % 10 for k in range(per_file)]  # 3, 9, 5, …
    members = {
        f"data_batch_{k + 1}.bin": records(train[k * per_file : (k + 1) * per_file], label) for k in range(5)
    }
    words = "airplane automobile bird cat deer dog frog horse ship truck"
    members = {"readme.html": b"hello", "test_batch.bin": records(test, label), **members}
    members["batches.meta.txt"] = lines(words) + b"\n"
    pack = tar("cifar-10-batches-bin", "cifar-10-binary.tar.gz")
    return Made(members, pack, train, test, (label * 5, label), tuple(words.split()))


def cifar100(fine: Sequence[int] = (7, 99, 0, 42)) -> Made:
    """A training image of each of these classes; a test image of the first half."""
    fine, half = list(fine), len(fine) // 2
    train, test = pixels(0, len(fine), 32), pixels(1, half, 32)
    coarse = [label // 5 for label in fine]
    members = {
        "fine_label_names.txt": lines(" ".join(f"fine{k}" for k in range(100))),
        "coarse_label_names.txt": lines(" ".join(f"coarse{k}" for k in range(20))),
        "train.bin": records(train, coarse, fine),
        "test.bin": records(test, coarse[:half], fine[:half]),
    }
    pack = tar("cifar-100-binary", "cifar-100-binary.tar.gz")
    return Made(members, pack, train, test, (fine, fine[:half]), tuple(f"fine{k}" for k in range(100)))


def idx(array: np.ndarray) -> bytes:
    return struct.pack(f">{1 + array.ndim}I", 0x800 | array.ndim, *array.shape) + array.tobytes()


def pack_mnist(members: dict[str, bytes]) -> Files:
    return {f"{name}.gz": gzip.compress(content) for name, content in members.items()}


def mnist(count: int = 3) -> Made:
    train, test = pixels(0, count, 28, 1), pixels(1, 2, 28, 1)
    labels = [(9 + k) % 10 for k in range(count)], [7, 2]
    members = {
        "train-images-idx3-ubyte": idx(train[..., 0]),
        "train-labels-idx1-ubyte": idx(np.array(labels[0], dtype=np.uint8)),
        "t10k-images-idx3-ubyte": idx(test[..., 0]),
        "t10k-labels-idx1-ubyte": idx(np.array(labels[1], dtype=np.uint8)),
    }
    return Made(members, pack_mnist, train, test, labels, tuple("0123456789"))


def fashion_mnist() -> Made:
    made = mnist()
    words = "T-shirt/top,Trouser,Pullover,Dress,Coat,Sandal,Shirt,Sneaker,Bag,Ankle boot"
    made.classes = tuple(words.split(","))
    return made


def pack_svhn(members: dict[str, Any]) -> Files:
    files = {}
    for split in ("train", "test"):
        variables = {name[-1]: value for name, value in members.items() if name.startswith(split)}
        written = io.BytesIO()
        savemat(written, variables, do_compression=True)
        files[f"{split}_32x32.mat"] = written.getvalue()
    return files


def svhn(count: int = 3) -> Made:
    train, test = pixels(0, count, 32), pixels(1, 2, 32)
    labels = [(k + 9) % 10 for k in range(count)], [7, 0]
    ten_for_0 = [[k or 10 for k in part] for part in labels]
    members = {
        "train_X": train.transpose(1, 2, 3, 0),
        "train_y": np.array(ten_for_0[0], dtype=np.uint8)[:, None],
        "test_X": test.transpose(1, 2, 3, 0),
        "test_y": np.array(ten_for_0[1], dtype=np.uint8)[:, None],
    }
    return Made(members, pack_svhn, train, test, labels, tuple("0123456789"))


def stl10() -> Made:
    train, test = pixels(0, 3, 96), pixels(1, 2, 96)
    words = "airplane bird car cat deer dog horse monkey ship truck"
    members = {
        "test_X.bin": test.transpose(0, 3, 2, 1).tobytes(),  # plane by plane, column by column
        "test_y.bin": bytes([10, 1]),
        "train_X.bin": train.transpose(0, 3, 2, 1).tobytes(),
        "train_y.bin": bytes([4, 1, 9]),
        "unlabeled_X.bin": bytes(3 * 96 * 96),
        "class_names.txt": lines(words),
        "fold_indices.txt": b"0 1 2\n",
    }
    pack = tar("stl10_binary", "stl10_binary.tar.gz")
    return Made(members, pack, train, test, ([3, 0, 8], [9, 0]), tuple(words.split()))


def jpeg(colour: Any, mode: str = "RGB") -> bytes:
    written = io.BytesIO()
    Image.new(mode, (64, 64), colour).save(written, "JPEG", quality=100)
    return written.getvalue()


def pack_tiny(members: dict[str, bytes]) -> Files:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(f"tiny-imagenet-200/{name}", content)
    return {"tiny-imagenet-200.zip": packed.getvalue()}


def greys(values: list[int]) -> np.ndarray:
    """Images (N, 64, 64, 3), each of one grey, which JPEG keeps."""
    return np.broadcast_to(np.array(values, dtype=np.uint8)[:, None, None, None], (len(values), 64, 64, 3))


def tiny_imagenet() -> Made:
    """Three classes, of which two have one name; one image has a single channel."""
    train, test = [0, 1, 40, 41, 80, 81], [200, 201]
    names = [f"train/{wnid}/images/{wnid}_{k}.JPEG" for wnid in WNIDS for k in (0, 1)]
    members = {name: jpeg((grey,) * 3) for name, grey in zip(names, train, strict=True)}
    members[names[3]] = jpeg(41, "L")
    members |= {f"val/images/val_{k}.JPEG": jpeg((grey,) * 3) for k, grey in enumerate(test)}
    box = "\t0\t0\t62\t62\n"
    members |= {
        "val/val_annotations.txt": f"val_1.JPEG\t{WNIDS[0]}{box}val_0.JPEG\t{WNIDS[2]}{box}".encode(),
        "wnids.txt": "\n".join(reversed(WNIDS)).encode(),
        "words.txt": b"n00001740\tentity\nn01443537\tgoldfish, Carassius auratus\n"
        b"n02002724\tcrane\nn03126707\tcrane\n",
        "test/images/test_0.JPEG": b"its label was never published",
    }
    classes = ("goldfish", "crane (n02002724)", "crane (n03126707)")
    return Made(members, pack_tiny, greys(train), greys(test), ([0, 0, 1, 1, 2, 2], [2, 0]), classes)


MADE = {
    "cifar10": cifar10,
    "cifar100": cifar100,
    "fashion_mnist": fashion_mnist,
    "mnist": mnist,
    "stl10": stl10,
    "svhn": svhn,
    "tiny_imagenet": tiny_imagenet,
}
