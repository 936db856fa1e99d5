"""The data sets that come by name: digits, and the others on small downloads of their true forms."""

import gzip
import hashlib
import pickle
import re
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
from archives import MADE, idx, jpeg, records

from kd import registry
from kd.code.fingerprint import fingerprint
from kd.datasets import digits
from kd.errors import UserError
from kd.io.web.download import download

NOWHERE = Path("nowhere")


# digits


def test_digits():
    raw = digits.load(NOWHERE)
    assert raw.train_images.shape[1:] == (8, 8, 1)
    assert len(raw.train_images) + len(raw.test_images) == 1797
    assert (raw.train_images.min(), raw.train_images.max()) == (0, 255)
    counts = np.bincount(raw.train_labels) - np.bincount(raw.test_labels)
    assert np.abs(counts).max() <= 1


def test_digits_do_not_depend_on_the_global_generator():
    first = digits.load(NOWHERE)
    np.random.seed(5)
    assert np.array_equal(first.test_images, digits.load(NOWHERE).test_images)


def test_digits_test_fraction():
    assert len(digits.load(NOWHERE, test_fraction=0.1).test_images) == pytest.approx(180, abs=5)
    with pytest.raises(UserError, match=r"dataset\.test_fraction"):
        digits.load(NOWHERE, test_fraction=0.9999)


# What is downloaded


@pytest.fixture(params=MADE)
def name(request):
    return request.param


def load(name, folder, **options):
    return import_module(f"kd.datasets.{name}").load(folder, **options)


def write(folder, files):
    folder.mkdir(exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)


def check(raw, made):
    assert np.array_equal(raw.train_images, made.train)
    assert np.array_equal(raw.test_images, made.test)
    assert (raw.train_labels.tolist(), raw.test_labels.tolist()) == made.labels
    assert raw.classes == made.classes


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *args):
        """Keep quiet."""


def test_what_a_server_sends_is_what_is_read(name, tmp_path):
    """By the code that downloads, with the checksums of these very files."""
    made = MADE[name]()
    files = made.files()
    write(tmp_path / "served", files)
    assert files.keys() == registry.datasets()[name].constants["FILES"].keys()
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=tmp_path / "served")) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,)).start()
        for file, content in files.items():
            sha256 = hashlib.sha256(content).hexdigest()
            download(f"http://127.0.0.1:{server.server_port}/{file}", tmp_path / "here" / file, sha256)
        server.shutdown()
    check(load(name, tmp_path / "here"), made)


def test_the_order_inside_an_archive_does_not_matter(name, tmp_path):
    made = MADE[name]()
    write(tmp_path, made.pack(dict(reversed(made.members.items()))))
    check(load(name, tmp_path), made)


def test_what_each_data_set_knows(name):
    """Addresses and checksums that are whole, an augmentation, statistics for each channel, its origin."""
    known = registry.datasets()[name].constants
    assert all(re.fullmatch("[0-9a-f]{64}", sha256) for sha256 in known["FILES"].values())
    assert re.fullmatch(r"https?://[a-z0-9.-]+(/[^/]+)*", known["MIRROR"])
    assert known["FLIP"] is (name not in ("mnist", "svhn"))  # numerals are not mirrored
    shape = MADE[name]().train.shape[1:]
    assert known["PUBLISHED"]["shape"] == shape
    assert len(known["PUBLISHED"]["mean"]) == len(known["PUBLISHED"]["std"]) == shape[2]
    assert 0 < known["PAD"] <= shape[0] / 7
    assert known["PAPER"]
    assert known["LICENCE"]


def test_an_edit_of_what_several_share_counts(monkeypatch, tmp_path):
    """The shared modules are no data sets themselves."""
    assert not [name for name in registry.datasets() if name.startswith("_")]
    before = {name: fingerprint("prepare_data.py", (f"kd.datasets.{name}",)) for name in MADE}
    assert len(set(before.values())) == len(before)
    from kd.code import fingerprint as module

    read = module._read
    edited = lambda name: ("other" if name.endswith("/cifar.py") else read(name)[0], read(name)[1])  # noqa: E731
    monkeypatch.setattr(module, "_read", edited)
    module.fingerprint.cache_clear()
    after = {name: fingerprint("prepare_data.py", (f"kd.datasets.{name}",)) for name in MADE}
    module.fingerprint.cache_clear()
    assert {name for name in MADE if before[name] != after[name]} == {"cifar10", "cifar100"}


def test_cifar100_coarse(tmp_path):
    write(tmp_path, MADE["cifar100"]().files())
    raw = load("cifar100", tmp_path, labels="coarse")
    assert raw.train_labels.tolist() == [1, 19, 0, 8]
    assert (len(raw.classes), raw.classes[19]) == (20, "coarse19")


def test_stl10_in_another_size(tmp_path):
    """Halved by a triangle of twice the width, as image_folder does: its inside keeps a colour."""
    made = MADE["stl10"]()
    one_colour = np.zeros((3, 3, 96, 96), dtype=np.uint8)
    one_colour[:, 0], one_colour[:, 1, :48] = 200, 90  # red everywhere, green in the left columns
    write(tmp_path, made.files({"train_X.bin": one_colour.tobytes()}))
    raw = load("stl10", tmp_path, image_size=48)
    assert raw.train_images.shape == (3, 48, 48, 3)
    assert (raw.train_images[..., 0] == 200).all()
    assert (raw.train_images[:, :, :23, 1] == 90).all()
    assert (raw.train_images[:, :, 25:, 1] == 0).all()


# What is wrong with it


WHAT = {
    "cifar10": "the CIFAR-10 archive",
    "cifar100": "the CIFAR-100 archive",
    "fashion_mnist": "(images|labels) of Fashion-MNIST",
    "mnist": "(images|labels) of MNIST",
    "stl10": "the STL-10 archive",
    "svhn": "a file of SVHN",
    "tiny_imagenet": "the Tiny ImageNet archive",
}


def refused(name, folder, file, reason="."):
    with pytest.raises(UserError) as caught:
        load(name, folder)
    message = str(caught.value)
    pattern = rf"{re.escape(str(folder / file))}: not {WHAT[name]}: .*{reason}.*; delete it and run again"
    assert re.fullmatch(pattern, message), message


FILES = [(name, file) for name, make in MADE.items() for file in make().files()]


@pytest.mark.parametrize("share", [0, 0.001, 0.3, 0.7, 0.999])
@pytest.mark.parametrize(("name", "file"), FILES)
def test_cut_short(tmp_path, name, file, share):
    files = MADE[name]().files()
    write(tmp_path, files | {file: files[file][: int(len(files[file]) * share)]})
    refused(name, tmp_path, file)


@pytest.mark.parametrize(("name", "file"), FILES)
def test_damaged_missing_or_a_web_page(tmp_path, name, file):
    files = MADE[name]().files()
    content = bytearray(files[file])
    content[len(content) // 2 : len(content) // 2 + 20] = bytes(20)
    write(tmp_path, files | {file: bytes(content)})
    refused(name, tmp_path, file)
    (tmp_path / file).write_bytes(b"<!DOCTYPE html>" * 100)
    refused(name, tmp_path, file)
    (tmp_path / file).unlink()
    with pytest.raises(UserError, match=f"{re.escape(file)}: cannot be read: No such file .*; mend that"):
        load(name, tmp_path)


class Trap:
    """Unpickling it makes a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


@pytest.mark.parametrize(("name", "file"), FILES)
def test_nothing_is_unpickled(tmp_path, name, file):
    """As it is, packed, and as NumPy's own file of an object."""
    trap = tmp_path / "sprung"
    np.save(tmp_path / "trap.npy", np.array([Trap(trap)], dtype=object), allow_pickle=True)
    pickled = pickle.dumps(Trap(trap))
    files = MADE[name]().files()
    for content in (pickled, gzip.compress(pickled), (tmp_path / "trap.npy").read_bytes()):
        write(tmp_path / "here", files | {file: content})
        refused(name, tmp_path / "here", file)
    assert not trap.exists()


RED = np.zeros((1, 32, 32, 3), dtype=np.uint8)
CELLS = np.array([[{"a": 1}, "text"]], dtype=object)
MEMBERS = [
    ("cifar10", "data_batch_4.bin", None, r"lacks cifar-10-batches-bin/data_batch_4\.bin"),
    ("cifar10", "batches.meta.txt", None, "lacks cifar-10-batches-bin/batches"),
    ("cifar10", "test_batch.bin", "/etc/hostname", "lacks cifar-10-batches-bin/test_batch"),  # a link
    ("cifar10", "test_batch.bin", b"", "test_batch.bin has 0 bytes"),
    ("cifar10", "test_batch.bin", bytes(3072), "3072 bytes, which is no multiple of 3073"),
    ("cifar10", "data_batch_1.bin", records(RED, [10]), "label 10, but there are 10 classes"),
    ("cifar10", "batches.meta.txt", b"\xff\xfe", "ascii"),
    ("cifar100", "test.bin", None, r"lacks cifar-100-binary/test\.bin"),
    ("cifar100", "fine_label_names.txt", None, "lacks cifar-100-binary/fine_label_names"),
    ("cifar100", "train.bin", bytes(3073), r"train\.bin has 3073 bytes, which is no multiple of 3074"),
    ("cifar100", "test.bin", records(RED, [0], [100]), "label 100, but there are 100 classes"),
    ("mnist", "train-labels-idx1-ubyte", idx(np.array([3, 10, 1], np.uint8)), "label 10, but there are 10"),
    ("mnist", "train-labels-idx1-ubyte", idx(np.array([3, 1], np.uint8)), "2 labels, but there are 3 im"),
    ("mnist", "t10k-images-idx3-ubyte", b"", "0 bytes"),
    ("mnist", "t10k-images-idx3-ubyte", idx(np.zeros(3, np.uint8)), "11 bytes, of which 16 are the header"),
    ("mnist", "t10k-images-idx3-ubyte", idx(np.zeros(9, np.uint8)), "0x00000801 instead of 0x00000803"),
    ("mnist", "t10k-images-idx3-ubyte", idx(np.zeros((2, 28, 28), np.uint8))[:-1], "1567 bytes, .*2×28×28"),
    (
        "fashion_mnist",
        "t10k-labels-idx1-ubyte",
        idx(np.array([3, 99], np.uint8)),
        "label 99, but there are 10",
    ),
    ("svhn", "train_y", None, "y"),
    ("svhn", "train_y", np.array([[1], [11], [2]], np.uint8), "label 11; 1 to 10 are allowed"),
    ("svhn", "train_y", np.array([[1], [0], [2]], np.uint8), "label 0; 1 to 10 are allowed"),
    ("svhn", "train_y", np.array([[1], [2]], np.uint8), r"y is \(2, 1\) uint8; \(3, 1\) is allowed"),
    ("svhn", "test_X", np.zeros((32, 32, 3, 2)), r"X is \(32, 32, 3, 2\) float64"),
    ("svhn", "test_X", np.zeros((2, 32, 32, 3), np.uint8), r"X is \(2, 32, 32, 3\) uint8"),
    ("svhn", "test_X", CELLS, r"X is \(1, 2\) object"),
    ("svhn", "test_y", CELLS, r"y is \(1, 2\) object"),
    ("stl10", "test_y.bin", None, r"lacks stl10_binary/test_y\.bin"),
    ("stl10", "class_names.txt", None, r"lacks stl10_binary/class_names\.txt"),
    ("stl10", "train_y.bin", bytes([4, 1]), r"train_X\.bin and train_y\.bin have 82944 bytes .* 2 labels"),
    ("stl10", "train_y.bin", b"", "0 labels"),
    ("stl10", "train_y.bin", bytes([4, 1, 0]), "labels from 0 to 4; 1 to 10 are allowed"),
    ("stl10", "test_y.bin", bytes([11, 1]), "labels from 1 to 11"),
    ("tiny_imagenet", "wnids.txt", None, r"'tiny-imagenet-200/wnids\.txt'"),
    ("tiny_imagenet", "wnids.txt", b"n01443537\nn00000001", "no name of class 'n00000001'"),
    ("tiny_imagenet", "wnids.txt", b"n01443537\nn00001740", r"no image in tiny-imagenet-200/train/n00001740"),
    ("tiny_imagenet", "val/images/val_0.JPEG", None, "'tiny-imagenet-200/val/images/val_0.JPEG'"),
    ("tiny_imagenet", "val/images/val_0.JPEG", jpeg((1, 2, 3))[:-300], "val_0.JPEG is no whole JPEG image"),
    ("tiny_imagenet", "val/images/val_0.JPEG", b"GIF89a", "val_0.JPEG is no whole JPEG image"),
    ("tiny_imagenet", "val/val_annotations.txt", b"val_0.JPEG\tn9\t0", "the class 'n9' for val_0.JPEG"),
    ("tiny_imagenet", "val/val_annotations.txt", b"val_0.JPEG", "the class '' for val_0.JPEG"),
    ("tiny_imagenet", "val/val_annotations.txt", b"", "it has no test image"),
]


@pytest.mark.parametrize(("name", "member", "content", "reason"), MEMBERS)
def test_a_bad_member(tmp_path, name, member, content, reason):
    write(tmp_path, files := MADE[name]().files({member: content}))
    (file,) = [file for file in files if len(files) == 1 or file.startswith(member[:-1])]
    refused(name, tmp_path, file, reason)
