"""Training with `dataset.validation: 0`: all training images train, and the last epoch counts."""

# ruff: noqa: F811 (fixtures of another file, which pytest asks for by name)

from dataclasses import replace

import numpy as np
import pytest
from small_jobs import dataset, job, rows_of, run  # noqa: F401 (a fixture)
from small_training import network, split
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from kd.data.dataset import as_arrays, read_dataset, write_dataset
from kd.distillation.combined import build_method
from kd.settings.recipe import Recipe
from kd.training.engine import fit

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def without(dataset, tmp_path):
    """The data set without its validation images."""
    data = as_arrays(read_dataset(dataset))
    empty = {f"validation_{kind}": getattr(data, f"validation_{kind}")[:0] for kind in ("images", "labels")}
    write_dataset(tmp_path / "without.safetensors", replace(data, **empty))
    return tmp_path / "without.safetensors"


def test_the_weights_are_those_of_the_last_epoch_and_nothing_is_selected(dataset, without, tmp_path, caplog):
    caplog.set_level("INFO", "kd")
    metrics = run(tmp_path / "plain", without, job())
    validated = run(tmp_path / "validated", dataset, job())
    nulls = {key for key, value in metrics.items() if value is None} - {"teacher", "method", "agreement"}
    assert nulls == {
        *("validation_loss", "validation_accuracy"),
        *("selected_epoch", "selected_validation_accuracy", "selected_test_accuracy"),
    }
    for key in ("train_loss", "test_loss", "test_accuracy", "ece"):
        assert metrics[key] == validated[key]  # to evaluate changes nothing of a training
    files = [(tmp_path / name / "model.safetensors").read_bytes() for name in ("plain", "validated")]
    assert files[0] == files[1]
    rows = rows_of(tmp_path / "plain")
    assert [name for name in rows[0] if "validation" in name] == []
    assert len(rows) == 4
    assert np.load(tmp_path / "plain" / "validation_logits.npy").shape == (0, 3)
    epochs = [line for line in caplog.text.splitlines() if "epoch 1/4" in line]
    assert ["val_acc" in line for line in epochs] == [False, True]
    events = EventAccumulator(str(tmp_path / "plain" / "board")).Reload()
    assert [name for name in events.Tags()["scalars"] if "validation" in name] == []
    assert events.Tags()["images"] == ["views of the first epoch"]


def test_the_validation_logits_are_those_of_the_network_that_is_saved(dataset, tmp_path):
    metrics = run(tmp_path, dataset, job())
    logits, labels = np.load(tmp_path / "validation_logits.npy"), np.arange(9) % 3
    assert metrics["validation_accuracy"] == pytest.approx(100 * (logits.argmax(1) == labels).mean())
    nll = np.log(np.exp(logits.astype(np.float64)).sum(1)) - logits[range(9), labels]
    assert metrics["validation_loss"] == pytest.approx(nll.mean(), rel=1e-5)


def test_no_weights_are_kept_beside_those_of_the_last_epoch():
    recipe = Recipe(epochs=2, batch_size=8, lr=0.05)
    training = fit(network(), build_method("cross_entropy", {}), split(20), None, recipe, seed=5)
    assert training.selected_epoch == 0
    assert training.selected_weights == {}
    assert training.last is None
