"""Whether an exported file has the logits of its network: worked out by hand on a few logits."""

import numpy as np
import pytest
import torch

from kd.data.augmentation import Augmentation
from kd.data.dataset import Dataset
from kd.errors import UserError
from kd.export.pixels import spread
from kd.export.verification import checked, compared, rounded, run_all, verify
from kd.io.arrays import read_logits

LABELS = np.array([0, 1, 1, 1])


def test_logits_are_compared_by_hand():
    expected = np.array([[2, 1], [0, 1], [3, 0], [0, 0.5]], dtype=np.float32)
    logits = np.array([[2, 1.5], [0, 1], [3, 0], [0.75, 0.5]], dtype=np.float32)
    comparison = compared("model.onnx", logits, expected, LABELS)
    assert comparison["largest_difference"] == 0.75
    assert comparison["same_predictions"] == 75
    assert comparison["accuracy"] == 50


@pytest.mark.parametrize(("off", "allowed"), [(0.00199, True), (0.00201, False)])
def test_what_is_allowed_grows_with_the_logits(off, allowed):
    expected = np.array([[-20.0, 3.0]])
    if allowed:
        comparison = checked("model.onnx", expected + off, expected, LABELS[:1])
        assert comparison["largest_difference"] == pytest.approx(off)
    else:
        with pytest.raises(UserError, match=r"model\.onnx: .* 0\.002 is allowed \(100\.00 %"):
            checked("model.onnx", expected + off, expected, LABELS[:1])


def test_a_prediction_may_change_where_two_logits_tie_and_nowhere_else():
    """With logits up to 1 and a tolerance of 0.01, each may be 0.01 off."""
    expected = np.array([[1.0, 0.995, 0.0], [1.0, 0.985, 0.0]])
    swapped = expected + np.array([-0.009, 0.009, 0])
    assert checked("a", swapped[:1], expected[:1], LABELS[:1], 0.01)["same_predictions"] == 0
    with pytest.raises(UserError, match=r"a: 1 of 2 predictions are not those expected"):
        checked("a", swapped, expected, LABELS[:2], 0.01)


@pytest.mark.parametrize("examine", [checked, rounded])
@pytest.mark.parametrize("number", [np.nan, np.inf])
def test_what_is_no_number_is_refused(examine, number):
    logits = np.array([[1.0, 0.0], [number, 0.0]])
    with pytest.raises(UserError, match=r"model\.onnx: its logits are not all finite; nothing is exported"):
        examine("model.onnx", logits, np.zeros((2, 2)), LABELS[:2])


FILES = {"pytorch": "p", "onnx": "o", "int8": "q"}


def verified(int8, onnx=None):
    """Four images, of which the first pixel is the number of the class that the network sees: 0, 1, 2, 0."""
    pixels = np.zeros((4, 2, 2, 1), np.uint8)
    pixels[:, 0, 0, 0] = [0, 1, 2, 0]
    table = np.eye(3, dtype=np.float32)

    def run(rows):
        return lambda images: np.asarray(rows, np.float32)[images[:, 0, 0, 0]]

    made = {"pytorch": run(table), "onnx": run(table if onnx is None else onnx), "int8": run(int8)}
    part = {"test_images": torch.from_numpy(pixels), "test_labels": torch.tensor([0, 1, 2, 1])}
    others = {
        f"{split}_{what}": part[f"test_{what}"]
        for split in ("train", "validation")
        for what in ("images", "labels")
    }
    data = Dataset(
        **part, **others, classes=("a", "b", "c"), mean=(0.0,), std=(1.0,), augmentation=Augmentation()
    )
    return verify(made, FILES, data, table[[0, 1, 2, 0]], 10)


def test_of_a_quantised_file_little_is_asked_and_much_is_reported(caplog):
    verification = verified(np.eye(3) * 0.7)
    assert (verification["images"], verification["largest_logit"]) == (4, 1)
    assert verification["formats"]["int8"]["same_predictions"] == 100
    assert verification["formats"]["int8"]["largest_difference"] == pytest.approx(0.3)
    assert verification["formats"]["onnx"]["accuracy"] == 75
    assert not caplog.records
    verification = verified([[0, 1, 0], [0, 1, 0], [0, 1, 0]])
    assert verification["formats"]["int8"]["same_predictions"] == 25
    assert "q: only 25.00 % of its predictions are those of the network (accuracy 50.00 %)" in caplog.text


def test_the_other_files_are_held_to_the_network():
    with pytest.raises(UserError, match=r"^o: its logits differ by up to 0\.3"):
        verified(np.eye(3), onnx=np.eye(3) * 0.7)


@pytest.mark.parametrize(("count", "sizes"), [(1, [1]), (2, [1, 1]), (65, [1, 64]), (130, [1, 64, 64, 1])])
def test_batches_of_every_size_are_tried(count, sizes):
    seen = []
    images = np.arange(count)

    def run(batch):
        seen.append(len(batch))
        return batch[:, None]

    assert run_all(run, images)[:, 0].tolist() == images.tolist()
    assert seen == sizes


def test_images_are_taken_evenly():
    assert spread(10, 4).tolist() == [0, 3, 6, 9]
    assert spread(3, 10).tolist() == [0, 1, 2]


def test_logits_that_a_run_wrote_are_read_as_they_are(tmp_path):
    logits = np.arange(6, dtype=np.float32).reshape(2, 3)
    np.save(tmp_path / "a.npy", logits)
    np.testing.assert_array_equal(read_logits(tmp_path / "a.npy", 2, 3), logits)
    np.save(tmp_path / "none.npy", logits[:0])
    assert read_logits(tmp_path / "none.npy", 2, 3, may_be_empty=True).shape == (0, 3)


DAMAGED = {
    "cut": (lambda path: path.write_bytes(path.read_bytes()[:-4]), "not whole"),
    "empty": (lambda path: path.write_bytes(b""), "not whole"),
    "archive": (lambda path: np.savez(path.open("wb"), a=np.zeros((2, 3))), "not whole"),
    "pickle": (lambda path: np.save(path, np.full((2, 3), None), allow_pickle=True), "not whole"),
    "shape": (lambda path: np.save(path, np.zeros((3, 2))), r"holds \(3, 2\) float64, not \(2, 3\) float"),
    "none": (lambda path: np.save(path, np.zeros((0, 3))), r"holds \(0, 3\)"),
    "integers": (lambda path: np.save(path, np.zeros((2, 3), np.int64)), r"holds \(2, 3\) int64"),
}


@pytest.mark.parametrize(("damage", "says"), DAMAGED.values(), ids=DAMAGED)
def test_damaged_logits_are_one_line(tmp_path, damage, says):
    path = tmp_path / "a.npy"
    np.save(path, np.zeros((2, 3), np.float32))
    damage(path)
    with pytest.raises(UserError, match=rf"a\.npy: {says}.* delete it to have it made again"):
        read_logits(path, 2, 3)


def test_logits_that_are_absent_cannot_be_read(tmp_path):
    with pytest.raises(UserError, match=r"a\.npy: cannot be read: No such file or directory; mend that"):
        read_logits(tmp_path / "a.npy", 2, 3)
