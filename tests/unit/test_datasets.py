"""The two built-in data sets: digits, and CIFAR-10 on a small archive of the true format."""

import io
import tarfile
from pathlib import Path

import numpy as np
import pytest

from kd.datasets import cifar10, digits
from kd.errors import UserError

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


# CIFAR-10


def cifar_members(labels=(3, 9)):
    """The files of an archive with two images a batch, the images as (batch, image, channel, row, column)."""
    pixels = np.random.RandomState(0).randint(0, 256, (6, 2, 3, 32, 32)).astype(np.uint8)
    names = [f"data_batch_{number}.bin" for number in range(1, 6)] + ["test_batch.bin"]
    members = {
        name: b"".join(bytes([k]) + image.tobytes() for k, image in zip(labels, batch, strict=True))
        for name, batch in zip(names, pixels, strict=True)
    }
    words = "airplane automobile bird cat deer dog frog horse ship truck"
    members["batches.meta.txt"] = words.replace(" ", "\n").encode() + b"\n\n"
    return members, pixels


def write_archive(folder, members):
    path = folder / "cifar-10-binary.tar.gz"
    with tarfile.open(path, "w:gz") as tar:
        for name, content in members.items():
            info = tarfile.TarInfo(f"cifar-10-batches-bin/{name}")
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return path


def test_cifar10(tmp_path):
    members, pixels = cifar_members()
    backwards = dict(reversed(members.items()))  # the order in the archive must not matter
    write_archive(tmp_path, {"readme.html": b"hello", **backwards})
    raw = cifar10.load(tmp_path)
    assert np.array_equal(raw.train_images, pixels[:5].reshape(10, 3, 32, 32).transpose(0, 2, 3, 1))
    assert np.array_equal(raw.test_images, pixels[5].transpose(0, 2, 3, 1))
    assert raw.train_images[0, 1, 2].tolist() == pixels[0, 0, :, 1, 2].tolist()  # red, green, blue
    assert raw.train_labels.tolist() == [3, 9] * 5
    assert raw.test_labels.tolist() == [3, 9]
    assert (len(raw.classes), raw.classes[3], raw.classes[9]) == (10, "cat", "truck")


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("data_batch_4.bin", None, r"lacks cifar-10-batches-bin/data_batch_4\.bin"),
        ("batches.meta.txt", None, "lacks cifar-10-batches-bin/batches"),
        ("test_batch.bin", b"", "0 bytes"),
        ("test_batch.bin", bytes(3072), "3072 bytes, which is no multiple of 3073"),
        ("data_batch_1.bin", b"\x0a" + bytes(3072), "label 10, but there are 10 classes"),
        ("batches.meta.txt", b"\xff\xfe", "ascii"),
    ],
)
def test_cifar10_with_a_bad_member(tmp_path, name, content, reason):
    members, _ = cifar_members()
    if content is None:
        del members[name]
    else:
        members[name] = content
    write_archive(tmp_path, members)
    with pytest.raises(UserError, match=rf"cifar-10-binary\.tar\.gz: not the CIFAR-10 archive: .*{reason}"):
        cifar10.load(tmp_path)


def test_cifar10_with_a_link_for_a_batch(tmp_path):
    with tarfile.open(tmp_path / "cifar-10-binary.tar.gz", "w:gz") as tar:
        info = tarfile.TarInfo("cifar-10-batches-bin/test_batch.bin")
        info.type, info.linkname = tarfile.SYMTYPE, "/etc/hostname"
        tar.addfile(info)
    with pytest.raises(UserError, match="lacks"):
        cifar10.load(tmp_path)


@pytest.mark.parametrize("share", [0, 0.001, 0.3, 0.7, 0.999])
def test_cifar10_cut_short(tmp_path, share):
    path = write_archive(tmp_path, cifar_members()[0])
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(UserError, match="not the CIFAR-10 archive"):
        cifar10.load(tmp_path)


def test_cifar10_damaged_or_missing(tmp_path):
    path = write_archive(tmp_path, cifar_members()[0])
    content = bytearray(path.read_bytes())
    content[len(content) // 2 : len(content) // 2 + 50] = bytes(50)
    path.write_bytes(content)
    with pytest.raises(UserError, match="not the CIFAR-10 archive"):
        cifar10.load(tmp_path)
    with pytest.raises(UserError, match="not the CIFAR-10 archive"):
        cifar10.load(tmp_path / "nowhere")
