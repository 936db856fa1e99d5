"""The scripts that train and store targets, by two real processes; and what only one process can do."""

# ruff: noqa: F811 (fixtures of another file, which pytest asks for by name)

import numpy as np
import pytest
from small_jobs import CPU, dataset, job, make_targets, outputs_in, rows_of, run, teacher  # noqa: F401

import train
from kd.errors import UserError
from kd.settings.compute import Compute
from kd.settings.recipe import Recipe

pytestmark = pytest.mark.usefixtures("one_thread")
TWO = Compute(device="cpu", gpus_per_job=2)


@pytest.mark.full
def test_two_processes_write_each_output_once(dataset, tmp_path, monkeypatch):
    monkeypatch.setattr("small_jobs.CPU", TWO)
    metrics = run(tmp_path / "out", dataset, job(epochs=3), work=tmp_path / "work")
    assert metrics["compute"]["ranks"] == 2
    logits = np.load(tmp_path / "out" / "test_logits.npy")
    assert metrics["test_accuracy"] == pytest.approx(100 * (logits.argmax(1) == np.arange(30) % 3).mean())
    assert [row["epoch"] for row in rows_of(tmp_path / "out")] == ["1", "2", "3"]
    assert len(list((tmp_path / "out" / "board").iterdir())) == 1
    assert list((tmp_path / "work").iterdir()) == []


@pytest.mark.full
def test_targets_by_two_processes_are_those_of_one(teacher, dataset, tmp_path, monkeypatch):
    _, by_one = make_targets(teacher, dataset, tmp_path / "one", 3)
    monkeypatch.setattr("small_jobs.CPU", TWO)
    _, by_two = make_targets(teacher, dataset, tmp_path / "two", 3)
    assert np.array_equal(by_one, by_two, equal_nan=True)


@pytest.mark.full
def test_what_is_wrong_is_the_same_line(dataset, tmp_path):
    recipe = Recipe(epochs=1, batch_size=3)
    with pytest.raises(
        UserError, match=r"batch_size: 3 is too small for compute\.gpus_per_job: 2; at least 4"
    ):
        train.main(job(recipe=recipe), dataset, outputs_in(tmp_path), compute=TWO)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("methods", "processes"), [([("crd", {})], 1), ([("kd", {}), ("crd", {})], 1), ([("kd", {})], 2)]
)
def test_a_method_that_remembers_samples_has_one_process(
    dataset, tmp_path, monkeypatch, caplog, methods, processes
):
    caplog.set_level("INFO", "kd")
    asked = []
    monkeypatch.setattr(train, "run_on_devices", lambda compute, work: asked.append(compute.gpus_per_job))
    train.main(job("distilled", methods=methods), dataset, outputs_in(tmp_path), compute=TWO)
    assert asked == [processes]
    assert ("on one GPU: its method remembers samples" in caplog.text) == (processes == 1)
