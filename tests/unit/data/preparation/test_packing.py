"""Packing images: one that was killed goes on, and ends with the same bytes as one that was not."""

import logging
import shutil
import zlib

import numpy as np
import pytest

from kd.data.preparation.packing import Packing
from kd.data.shards import Shards
from kd.errors import UserError

IMAGES = np.random.default_rng(0).integers(0, 256, (13, 4, 4, 3), dtype=np.uint8)  # of 48 bytes
INDICES = np.array([0, 1, 2, 4, 5, 6, 7, 9, 10, 11, 12])


class Source:
    """Images that are read one by one; reading fails at `broken`, as it does where a process is killed."""

    shape = IMAGES.shape

    def __init__(self, broken=None):
        self.read, self.seen, self.broken = [], {}, broken

    def __getitem__(self, samples):
        if self.broken in samples:
            raise KeyboardInterrupt
        self.read += samples.tolist()
        self.seen |= {sample: 10 * sample for sample in samples.tolist()}
        return IMAGES[samples]

    def known(self, samples):
        return {"seen": np.array([self.seen[sample] for sample in samples])}

    def recall(self, samples, known):
        self.seen |= dict(zip(samples.tolist(), known["seen"].tolist(), strict=True))


def packed(folder, source=IMAGES, key="a"):
    packing = Packing(folder, key, most=48 * 4)
    packing.begin()
    return packing.pack("train", source, INDICES)


def test_files_hold_whole_images_in_order(tmp_path):
    written = packed(tmp_path)
    assert written.files == ("train-00000.u8", "train-00001.u8", "train-00002.u8")
    assert [(tmp_path / name).stat().st_size for name in written.files] == [192, 192, 144]
    assert b"".join((tmp_path / name).read_bytes() for name in written.files) == IMAGES[INDICES].tobytes()
    assert written.checksums.tolist() == [zlib.crc32(image.tobytes()) for image in IMAGES[INDICES]]
    assert np.array_equal(Shards(tmp_path, written)[:], IMAGES[INDICES])


def test_a_packing_that_was_killed_goes_on_after_its_last_whole_shard(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        packed(tmp_path / "killed", Source(broken=10))
    source = Source()
    written = packed(tmp_path / "killed", source)
    assert source.read == [10, 11, 12]  # of the third shard alone
    assert source.seen == {sample: 10 * sample for sample in INDICES.tolist()}
    whole = packed(tmp_path / "whole", Source())
    assert written.checksums.tolist() == whole.checksums.tolist()
    files = {path.name: path.read_bytes() for path in (tmp_path / "killed").iterdir()}
    assert files == {path.name: path.read_bytes() for path in (tmp_path / "whole").iterdir()}


def test_what_another_key_packed_is_packed_again(tmp_path):
    packed(tmp_path, Source())
    (tmp_path / "train-00009.u8").write_bytes(b"left behind")
    source = Source()
    packed(tmp_path, source, key="b")
    assert source.read == INDICES.tolist()
    assert not (tmp_path / "train-00009.u8").exists()


@pytest.mark.parametrize("change", ["gone", "unknown", "short", "one bit"])
def test_a_shard_that_is_not_whole_is_packed_again(tmp_path, change):
    packed(tmp_path, Source())
    shard = tmp_path / "train-00001.u8"
    content = bytearray(shard.read_bytes())
    if change in ("gone", "unknown"):
        (shard if change == "gone" else tmp_path / f"{shard.name}.known.safetensors").unlink()
    elif change == "short":
        shard.write_bytes(content[:-1])
    else:
        content[50] ^= 1
        shard.write_bytes(content)
    source = Source()
    written = packed(tmp_path, source)
    assert source.read == [5, 6, 7, 9]
    assert np.array_equal(Shards(tmp_path, written)[:], IMAGES[INDICES])


def test_the_size_is_said_before_and_a_full_disk_is_one_line(tmp_path, caplog, monkeypatch):
    caplog.set_level(logging.INFO, logger="kd")
    packed(tmp_path)
    assert "train: packs 11 images, 0.00 GB" in caplog.text
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: usage._replace(free=100))
    assert packed(tmp_path).images == 4  # nothing is missing
    with pytest.raises(UserError, match=r"takes 0\.0 GB more, and the disk has 0\.0 GB; .*image_size"):
        packed(tmp_path, key="b")


def test_the_time_is_said_once_some_images_were_read(tmp_path, caplog, monkeypatch):
    caplog.set_level(logging.INFO, logger="kd")
    monkeypatch.setattr("kd.data.preparation.packing.BLOCK", 48 * 2)
    packed(tmp_path)
    assert caplog.text.count("train: takes about 1 min") == 1
