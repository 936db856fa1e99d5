"""Images in mapped files: what is written is read back, and damage is reported."""

import numpy as np
import pytest

from kd.data.preparation.packing import Packing
from kd.data.shards import Shards
from kd.errors import UserError

IMAGES = np.random.default_rng(0).integers(0, 256, (11, 4, 4, 3), dtype=np.uint8)  # of 48 bytes


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "data" / "shards"


def packed(folder, most=48 * 4):
    return Packing(folder, "key", most).pack("train", IMAGES, np.arange(len(IMAGES)))


def test_images_come_in_the_order_asked_for(folder):
    shards = Shards(folder, packed(folder))
    samples = np.array([10, 0, 4, 4, 3, 9])
    assert np.array_equal(shards[samples], IMAGES[samples])
    assert np.array_equal(shards[2:7], IMAGES[2:7])
    assert len(shards) == 11
    assert shards.shape == (11, 4, 4, 3)


def test_an_image_larger_than_a_shard_has_its_own(folder):
    written = packed(folder, most=10)
    assert len(written.files) == 11
    assert np.array_equal(Shards(folder, written)[:], IMAGES)


def test_one_flipped_bit_is_reported_when_its_image_is_read(folder):
    written = packed(folder)
    path = folder / "train-00001.u8"
    content = bytearray(path.read_bytes())
    content[48 + 7] ^= 1  # in image 5
    path.write_bytes(content)
    shards = Shards(folder, written)
    assert np.array_equal(shards[np.array([4, 6])], IMAGES[[4, 6]])
    with pytest.raises(
        UserError, match=r"train-00001\.u8: .*checksum of image 1 is wrong.*delete .*dataset.saf"
    ):
        shards[np.array([4, 5])]


@pytest.mark.parametrize(("change", "why"), [("missing", "No such file"), ("short", "191 bytes, where 192")])
def test_a_file_that_is_not_whole_is_reported_at_once(folder, change, why):
    written = packed(folder)
    path = folder / "train-00000.u8"
    path.write_bytes(path.read_bytes()[:-1])
    if change == "missing":
        path.unlink()
    with pytest.raises(UserError, match=why):
        Shards(folder, written)
