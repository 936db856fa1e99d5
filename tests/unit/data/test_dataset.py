"""Splits, pixel statistics and the data set file."""

import json
import subprocess
import sys
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

import prepare_data
from kd.data.augmentation import Augmentation
from kd.data.card import fingerprint
from kd.data.dataset import PARTS, RawSplits, as_arrays, read_dataset, write_dataset
from kd.data.preparation import prepare as preparation
from kd.data.preparation.packing import Packing
from kd.data.preparation.prepare import channel_statistics, prepare, stratified_split
from kd.errors import UserError

CLASSES = ("ant", "bee", "cow")


@pytest.fixture
def raw() -> RawSplits:
    """60 + 30 images of 4x5 pixels and 3 channels; each image is unique."""
    random = np.random.RandomState(0)
    labels = np.arange(90) % 3
    images = random.randint(0, 256, (90, 4, 5, 3)).astype(np.uint8)
    return RawSplits(images[:60], labels[:60], images[60:], labels[60:], CLASSES)


@pytest.fixture
def prepared(raw):
    return prepare(raw, validation=0.1, split_seed=0, augmentation=Augmentation(2, True))


def split_validation(labels, fraction, seed):
    return stratified_split(labels, fraction, seed, "dataset.validation", CLASSES)


@pytest.mark.parametrize("fraction", [0.1, 0.25, 0.5, 0.9])
def test_split_cuts_the_same_share_of_every_class(fraction):
    labels = np.repeat([0, 1, 2], [20, 100, 40])
    train, validation = split_validation(labels, fraction, seed=3)
    assert np.bincount(labels[validation]).tolist() == [round(fraction * n) for n in (20, 100, 40)]
    assert sorted([*train, *validation]) == list(range(160))


def test_split_depends_on_its_arguments_only():
    labels = np.arange(100) % 5
    first = split_validation(labels, 0.2, seed=1)
    np.random.seed(99)
    second = split_validation(labels.copy(), 0.2, seed=1)
    assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))
    assert not np.array_equal(first[1], split_validation(labels, 0.2, seed=2)[1])


def test_split_is_the_same_for_ever():
    """The very indices: a change here changes the validation set of every published study."""
    assert split_validation(np.arange(20) % 2, 0.3, seed=0)[1].tolist() == [2, 3, 8, 11, 13, 18]


def test_split_takes_at_least_one_of_a_small_class():
    labels = np.repeat([0, 1], [2, 1000])
    _, validation = split_validation(labels, 0.001, seed=0)
    assert np.bincount(labels[validation]).tolist() == [1, 1]


@pytest.mark.parametrize("fraction", [0, 1, -0.1, 1.5, float("nan")])
def test_split_refuses_a_fraction_outside_0_to_1(fraction):
    with pytest.raises(UserError, match=r"dataset\.validation: .* is not allowed"):
        split_validation(np.zeros(10, dtype=np.int64), fraction, seed=0)


@pytest.mark.parametrize(("sizes", "fraction"), [([5, 1], 0.1), ([100, 2], 0.9)])
def test_split_refuses_a_class_of_which_nothing_would_stay(sizes, fraction):
    with pytest.raises(UserError, match=r"some\.key: class 'bee' has \d image"):
        stratified_split(np.repeat([0, 1], sizes), fraction, 0, "some.key", CLASSES)


def test_statistics_by_hand():
    images = np.zeros((2, 1, 2, 2), dtype=np.uint8)
    images[..., 0] = [[[0, 255]], [[255, 0]]]  # half black, half white
    images[..., 1] = [[[51, 51]], [[51, 255]]]  # 0.2, 0.2, 0.2 and 1
    mean, std = channel_statistics(images)
    assert mean == pytest.approx((0.5, 0.4), abs=1e-15)
    assert std == pytest.approx((0.5, 0.12**0.5), abs=1e-15)  # mean of (0.04, 0.04, 0.04, 0.36) is 0.12


def test_statistics_agree_with_numpy_over_several_chunks():
    images = np.random.RandomState(0).randint(0, 256, (5000, 3, 3, 2)).astype(np.uint8)
    mean, std = channel_statistics(images)
    assert mean == pytest.approx((images / 255).mean((0, 1, 2)), rel=1e-12)
    assert std == pytest.approx((images / 255).std((0, 1, 2)), rel=1e-12)


def test_a_constant_channel_can_be_divided_by(caplog):
    _, std = channel_statistics(np.full((3, 2, 2, 1), 77, dtype=np.uint8))
    assert std == (1.0,)
    assert "channel 0" in caplog.text


def test_parts_share_no_image_and_lose_none(raw, prepared):
    parts = [{image.tobytes() for image in getattr(prepared, f"{part}_images")} for part in PARTS]
    assert [len(part) for part in parts] == [54, 6, 30]
    assert all(a.isdisjoint(b) for a, b in combinations(parts, 2))
    assert parts[2] == {image.tobytes() for image in raw.test_images}


def test_labels_stay_with_their_images(raw, prepared):
    label_of = {i.tobytes(): k for i, k in zip(raw.train_images, raw.train_labels, strict=True)}
    for part in ("train", "validation"):
        images = getattr(prepared, f"{part}_images")
        assert [label_of[i.tobytes()] for i in images] == getattr(prepared, f"{part}_labels").tolist()


def test_statistics_see_the_training_part_only(raw, prepared):
    assert prepared.mean == pytest.approx((prepared.train_images / 255).mean((0, 1, 2)), rel=1e-12)
    other_test = replace(raw, test_images=255 - raw.test_images)
    again = prepare(other_test, validation=0.1, split_seed=0, augmentation=Augmentation(2, True))
    assert (again.mean, again.std) == (prepared.mean, prepared.std)


def test_dataset_survives_the_file(tmp_path, prepared):
    path = tmp_path / "dataset.safetensors"
    write_dataset(path, prepared)
    back = read_dataset(path)
    for name, array in prepared.tensors().items():
        tensor = back.tensors()[name].numpy()
        assert tensor.dtype == array.dtype
        assert np.array_equal(tensor, array)
    for name in ("classes", "mean", "std", "augmentation"):
        assert getattr(back, name) == getattr(prepared, name)
    assert [file.name for file in tmp_path.iterdir()] == ["dataset.safetensors"]


def test_same_dataset_gives_the_same_bytes(tmp_path, prepared):
    contents = set()
    for number in range(5):
        write_dataset(tmp_path / f"{number}.safetensors", prepared)
        contents.add((tmp_path / f"{number}.safetensors").read_bytes())
    assert len(contents) == 1


def test_strided_arrays_are_written_as_they_read(tmp_path, raw):
    """safetensors itself would write the memory of a transposed view as it lies."""
    strided = replace(
        raw,
        train_images=raw.train_images.transpose(0, 2, 1, 3),
        test_images=raw.test_images.transpose(0, 2, 1, 3),
    )
    write_dataset(
        tmp_path / "d.safetensors",
        prepare(strided, validation=0.1, split_seed=0, augmentation=Augmentation()),
    )
    back = read_dataset(tmp_path / "d.safetensors").test_images.numpy()
    assert np.array_equal(back, strided.test_images)


@pytest.mark.parametrize("keep", [0, 4, 100, 1000, -1])
def test_a_truncated_file_is_named(tmp_path, prepared, keep):
    path = tmp_path / "dataset.safetensors"
    write_dataset(path, prepared)
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(UserError, match=r"dataset\.safetensors: not a whole data set"):
        read_dataset(path)


@pytest.mark.parametrize("metadata", [None, {}, {"facts": "{"}, {"facts": json.dumps({"pad": 1})}])
def test_a_file_without_its_facts_is_named(tmp_path, prepared, metadata):
    from safetensors.numpy import save_file

    path = tmp_path / "dataset.safetensors"
    save_file(prepared.tensors(), path, metadata)
    with pytest.raises(UserError, match=r"dataset\.safetensors: not a whole data set"):
        read_dataset(path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(UserError, match=r"nowhere\.safetensors"):
        read_dataset(tmp_path / "nowhere.safetensors")


@pytest.mark.parametrize(
    "change",
    [
        {"train_images": np.zeros((60, 4, 5, 3), dtype=np.float32)},
        {"train_labels": np.zeros(60, dtype=np.int32)},
        {"train_labels": np.zeros(59, dtype=np.int64)},
        {"test_labels": np.full(30, 3)},
        {"test_images": np.zeros((30, 5, 4, 3), dtype=np.uint8)},
    ],
)
def test_raw_splits_refuse_what_does_not_fit(raw, change):
    with pytest.raises(ValueError, match=r"images|labels"):
        replace(raw, **change)


def test_preparing_does_not_import_torch():
    code = "import sys, prepare_data; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(prepare_data.__file__).parent)


def test_images_in_shards_are_the_same_data_set(raw, tmp_path, monkeypatch):
    """In files beside it, each image once; whoever reads them there reads what the one file would hold."""
    monkeypatch.setattr("kd.data.preparation.packing.BLOCK", 7 * 60)  # of the bytes of seven images
    settings = {"validation": 0.1, "split_seed": 0, "augmentation": Augmentation(2, True, (0.1, 0.5))}
    whole = prepare(raw, **settings)
    packed = prepare(raw, **settings, packing=Packing(tmp_path / "shards", "key"))
    assert packed.mean == whole.mean
    assert packed.std == whole.std
    assert fingerprint(packed) == fingerprint(whole)
    write_dataset(tmp_path / "dataset.safetensors", packed)
    read = read_dataset(tmp_path / "dataset.safetensors")
    assert read.augmentation.area == (0.1, 0.5)
    for name, array in whole.tensors().items():
        assert np.array_equal(np.asarray(read.tensors()[name][:]), array), name
    sizes = {path.name: path.stat().st_size for path in (tmp_path / "shards").glob("*.u8")}
    assert sizes == {"train-00000.u8": 54 * 60, "validation-00000.u8": 6 * 60, "test-00000.u8": 30 * 60}
    assert (tmp_path / "dataset.safetensors").stat().st_size < 60 * 90  # without the images


def test_a_damaged_shard_of_a_data_set_is_reported(raw, tmp_path):
    settings = {"validation": 0.1, "split_seed": 0, "augmentation": Augmentation(2, True)}
    packed = prepare(raw, **settings, packing=Packing(tmp_path / "shards", "key"))
    write_dataset(tmp_path / "dataset.safetensors", packed)
    (tmp_path / "shards" / "test-00000.u8").unlink()
    with pytest.raises(UserError, match=r"test-00000\.u8: .*delete .*dataset\.safetensors"):
        read_dataset(tmp_path / "dataset.safetensors")


@pytest.mark.parametrize(
    ("shards", "expected"), [("always", True), ("never", False), ("auto", False), ("auto above", True)]
)
def test_images_are_packed_where_they_are_many(raw, shards, expected, monkeypatch):
    if shards == "auto above":
        monkeypatch.setattr(preparation, "PACKED_FROM", 90 * 60 - 1)
    assert preparation.packs(raw, shards.split()[0]) == expected


@pytest.mark.parametrize("groups", [None, tuple(f"scene {number // 4}" for number in range(60))])
def test_a_sample_of_the_training_images_has_as_many_of_each_class(raw, groups):
    raw = replace(raw, train_groups=groups)
    settings = {"validation": 0.5, "augmentation": Augmentation(2, True)}
    made, again, other = (prepare(raw, train_images=30, split_seed=seed, **settings) for seed in (0, 0, 1))
    assert fingerprint(made) == fingerprint(again) != fingerprint(other)
    used = np.concatenate([made.train_images, made.validation_images]).reshape(30, -1)
    there = {image.tobytes() for image in raw.train_images.reshape(60, -1)}
    assert {image.tobytes() for image in used} < there
    assert len({image.tobytes() for image in used}) == 30  # none twice, and none on both sides
    counts = np.bincount(np.concatenate([made.train_labels, made.validation_labels]))
    assert counts.tolist() == (np.bincount(raw.train_labels) / 2).tolist()
    assert made.mean == pytest.approx((made.train_images / 255).mean((0, 1, 2)), rel=1e-12)
    assert fingerprint(prepare(raw, train_images=60, split_seed=0, **settings)) == fingerprint(
        prepare(raw, split_seed=0, **settings)
    )
    with pytest.raises(UserError, match=r"^dataset\.train_images: 61 is more than there are; at most 60 is"):
        prepare(raw, train_images=61, split_seed=0, **settings)


@pytest.mark.parametrize("groups", [None, tuple(f"scene {number // 4}" for number in range(60))])
@pytest.mark.parametrize("packed", [False, True])
def test_without_a_validation_split_all_training_images_train(raw, tmp_path, packed, groups):
    raw, settings = (
        replace(raw, train_groups=groups),
        {"split_seed": 0, "augmentation": Augmentation(2, True)},
    )
    packing = Packing(tmp_path / "shards", "key") if packed else None
    made = prepare(raw, validation=0.0, **settings, packing=packing)
    write_dataset(tmp_path / "d.safetensors", made)
    read = read_dataset(tmp_path / "d.safetensors")
    assert read.parts == ("train", "test")
    assert np.array_equal(np.asarray(read.train_images[:]), raw.train_images)
    assert np.array_equal(read.train_labels.numpy(), raw.train_labels)
    assert tuple(read.validation_images.shape) == (0, 4, 5, 3)
    assert read.mean == pytest.approx((raw.train_images / 255).mean((0, 1, 2)), rel=1e-12)
    line = "60 training images (no validation split), 30 test images, 3 classes, 4×5×3"
    assert preparation.describe(made) == line
    assert fingerprint(as_arrays(read)) == fingerprint(made)
