"""A teacher whose classes are in another order would teach nonsense; where its file names them, it is refused."""

import json
from types import SimpleNamespace

import numpy as np
import pytest

from kd.data.augmentation import Augmentation
from kd.errors import UserError
from kd.plan.user_files import content, names_in
from kd.teachers.labels import check_order, names_beside
from kd.teachers.logits import read_user_logits, training_logits

CLASSES = ("0", "1", "10", "2")
NATURAL = ["0", "1", "2", "10"]
OTHER = r"its label 2 is '2', and that of the data set '10'; bring its outputs into the order"


def test_weights_with_a_config_beside_them(tmp_path, caplog):
    weights = tmp_path / "model.safetensors"
    assert names_beside(weights) is None
    (tmp_path / "config.json").write_text(json.dumps({"id2label": dict(enumerate(NATURAL))}))
    with pytest.raises(UserError, match=rf"model\.safetensors: {OTHER}"):
        check_order(weights, names_beside(weights), CLASSES)
    check_order(weights, names_beside(weights), NATURAL)
    assert not caplog.messages
    check_order(weights, names_beside(weights), ["0", "1", "two", "10"])
    assert "names other classes, its label 2 is '2', and that of the data set 'two'; see that" in caplog.text


@pytest.mark.parametrize("text", ["", "[]", '{"id2label": 3}', '{"id2label": {"1": "a"}}', "[" * 100_000])
def test_a_config_of_another_program_says_nothing(tmp_path, text):
    (tmp_path / "config.json").write_text(text)
    assert names_beside(tmp_path / "model.safetensors") is None


@pytest.mark.parametrize("classes", [NATURAL, CLASSES])
def test_logits_that_name_their_classes(tmp_path, classes):
    rows = np.eye(4, dtype=np.float32)
    path = tmp_path / "mine.npz"
    np.savez(path, train_ids=np.arange(4), train_logits=rows, classes=np.array(classes))
    assert names_in(str(path), "x") == {"train_ids", "train_logits", "classes"}
    data = SimpleNamespace(
        train_labels=range(4), test_labels=(), classes=CLASSES, augmentation=Augmentation(0, False)
    )
    arrays = read_user_logits(path, content(str(path), "x", tmp_path / "cache"), data)
    if classes == CLASSES:
        assert np.array_equal(training_logits(arrays, path, data)[0], rows)
    else:
        with pytest.raises(UserError, match=rf"mine\.npz: {OTHER}"):
            training_logits(arrays, path, data)
