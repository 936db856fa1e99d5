"""A training that is cut off goes on where it was, to the bit; one of something else does not."""

import csv
import json
import logging
import multiprocessing
import os
import random
import signal
import time

import numpy as np
import pytest

from kd.data.augmentation import Augmentation
from kd.data.dataset import Dataset, write_dataset

# Processes that are forked from one which has torch already: each is then there in milliseconds.
processes = multiprocessing.get_context("forkserver")
processes.set_forkserver_preload(["train", "torch._dynamo"])
EPOCHS, ALWAYS, NEVER = 6, 1e-6, 1000.0


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    random = np.random.default_rng(0)
    arrays = {}
    for part, count in (("train", 64), ("validation", 20), ("test", 20)):
        arrays[f"{part}_images"] = random.integers(0, 256, (count, 8, 8, 1), dtype=np.uint8)
        arrays[f"{part}_labels"] = np.arange(count) % 3
    path = tmp_path_factory.mktemp("data") / "dataset.safetensors"
    facts = {
        "classes": ("a", "b", "c"),
        "mean": (0.5,),
        "std": (0.25,),
        "augmentation": Augmentation(1, True),
    }
    write_dataset(path, Dataset(**arrays, **facts))
    return path


def train_in(folder, dataset, every, lr=0.05, slow=0.0, code="code"):
    """What a job's process does."""
    import sys

    import torch
    from small_jobs import outputs_in

    import train
    from kd.errors import UserError
    from kd.jobs.training import TrainJob
    from kd.runtime.signals import Stopped
    from kd.settings.compute import Compute
    from kd.settings.recipe import Recipe
    from kd.training import checkpoints as resume

    signal.signal(signal.SIGHUP, signal.SIG_DFL)  # also where the tests run with nohup
    torch.set_num_threads(1)
    original = resume.Checkpoints.due

    def after_a_step(self, *ranks, **more):
        (folder / "begun").touch()
        time.sleep(slow)
        return original(self, *ranks, **more)

    resume.Checkpoints.due = after_a_step
    job = TrainJob(
        role="alone",
        name="small",
        architecture="cnn",
        options={"channels": [8, 8]},
        recipe=Recipe(epochs=EPOCHS, batch_size=16, lr=lr),
        methods=[("cross_entropy", {})],
        seed=3,
    )
    compute = Compute(device="cpu", checkpoint_seconds=every)
    try:
        train.main(job, dataset, outputs_in(folder), compute=compute, work=folder / "work", code=code)
    except (Stopped, UserError) as error:
        (folder / "message").write_text(str(error))
        sys.exit(1)


def start(folder, dataset, every=ALWAYS, **more):
    process = processes.Process(target=train_in, args=(folder, dataset, every), kwargs=more)
    process.start()
    return process


def finish(folder, dataset, **more):
    process = start(folder, dataset, **more)
    process.join()
    assert process.exitcode == 0
    return outcome(folder)


def outcome(folder):
    """The weights, the logits and the history, without how long an epoch took."""
    with open(folder / "history.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0])[:2] == ["epoch", "lr"], "the columns are in another order"
    timeless = [{k: v for k, v in row.items() if k not in ("seconds", "images_per_second")} for row in rows]
    return [(folder / name).read_bytes() for name in ("model.safetensors", "test_logits.npy")] + timeless


def wait_until(true, seconds=30):
    deadline = time.monotonic() + seconds
    while not true() and time.monotonic() < deadline:
        time.sleep(0.001)


@pytest.fixture(scope="module")
def plain(dataset, tmp_path_factory):
    """An uninterrupted training."""
    return finish(tmp_path_factory.mktemp("plain"), dataset, every=NEVER)


def kept(folder):
    return list((folder / "work").rglob("checkpoint.safetensors"))


def test_keeping_its_state_changes_nothing_and_leaves_nothing(dataset, plain, tmp_path):
    assert finish(tmp_path, dataset) == plain
    assert list((tmp_path / "work").iterdir()) == []


@pytest.mark.parametrize(
    "training", [0, *(pytest.param(number, marks=pytest.mark.full) for number in (1, 2, 3))]
)
def test_killed_at_any_moment_it_ends_the_same(dataset, plain, tmp_path, training):
    """Five times. A checkpoint is written at every step, so that some of these moments are in the middle of one, and
    often of one that goes on from another."""
    moments, resumed = random.Random(training), 0
    for _ in range(5):
        (tmp_path / "begun").unlink(missing_ok=True)
        process = start(tmp_path, dataset, slow=0.01)
        wait_until((tmp_path / "begun").exists)
        time.sleep(moments.uniform(0, 0.25))
        process.kill()
        process.join()
        resumed += bool(kept(tmp_path))
    assert finish(tmp_path, dataset, every=NEVER) == plain
    assert list((tmp_path / "work").rglob("*")) == [], "nothing half-made is left"
    assert resumed >= 2, "hardly any was killed in the middle"


def killed_while_writing(folder, dataset, at):
    """Its own killer, when half of the checkpoint number `at` is on the disk."""
    from kd.io import tensors as sealed

    original, written = sealed.save_file, []

    def save_half(tensors, path, about):
        original(tensors, path, about)
        written.append(path)
        if len(written) == at:
            os.truncate(path, path.stat().st_size // 2)
            os.kill(os.getpid(), signal.SIGKILL)

    sealed.save_file = save_half
    train_in(folder, dataset, ALWAYS)


@pytest.mark.parametrize("at", [1, 2, 9])
def test_killed_while_it_writes_a_checkpoint_it_ends_the_same(dataset, plain, tmp_path, at):
    process = processes.Process(target=killed_while_writing, args=(tmp_path, dataset, at))
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    assert bool(kept(tmp_path)) == (at > 1)
    assert finish(tmp_path, dataset, every=NEVER) == plain


def without_space(folder, dataset):
    """Its checkpoints meet a full disk."""
    from safetensors import SafetensorError

    from kd.io import tensors as sealed

    original = sealed.save_file

    def full(tensors, path, about):
        if "checkpoint" in str(path):
            raise SafetensorError("I/O error: No space left on device (os error 28)")
        original(tensors, path, about)

    sealed.save_file = full
    logging.getLogger("kd").addHandler(logging.FileHandler(folder / "log"))
    train_in(folder, dataset, ALWAYS)


def test_where_its_state_cannot_be_kept_it_goes_on_and_says_so(dataset, plain, tmp_path):
    process = processes.Process(target=without_space, args=(tmp_path, dataset))
    process.start()
    process.join()
    assert process.exitcode == 0
    assert outcome(tmp_path) == plain
    assert "the state could not be kept" in (tmp_path / "log").read_text()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_when_terminated_it_keeps_its_state_at_once(dataset, plain, tmp_path, number):
    process = start(tmp_path, dataset, every=NEVER, slow=0.05)
    wait_until((tmp_path / "board").exists)
    time.sleep(0.5)
    os.kill(process.pid, number)
    process.join()
    assert process.exitcode == 1
    assert (tmp_path / "message").read_text() == number.name
    assert len(kept(tmp_path)) == 1
    assert not (tmp_path / "model.safetensors").exists()
    assert finish(tmp_path, dataset, every=NEVER) == plain


def cut_off(folder, dataset, **more):
    """Leaves a checkpoint behind."""
    process = start(folder, dataset, every=NEVER, slow=0.05, **more)
    wait_until((folder / "board").exists)
    time.sleep(0.5)
    process.terminate()
    process.join()
    return kept(folder)[0]


@pytest.mark.parametrize("other", [{"lr": 0.04}, {"code": "edited"}])
def test_another_configuration_or_code_starts_from_the_beginning(dataset, tmp_path, other):
    first = cut_off(tmp_path, dataset)
    finish(tmp_path, dataset, every=NEVER, **other)
    fresh = tmp_path / "fresh"
    fresh.mkdir()
    assert outcome(tmp_path) == finish(fresh, dataset, every=NEVER, **other)
    assert first.exists()


@pytest.mark.parametrize("what", ["half", "nothing", "flipped", "other"])
def test_a_checkpoint_that_is_not_whole_is_not_gone_on_from(dataset, plain, tmp_path, what):
    path = cut_off(tmp_path, dataset)
    content = bytearray(path.read_bytes())
    content[-5] ^= 1  # a bit of a weight: only a checksum can see it
    damaged = {
        "half": content[: len(content) // 2],
        "nothing": b"",
        "flipped": content,
        "other": b"PK\3\4" * 9,
    }
    path.write_bytes(damaged[what])
    assert finish(tmp_path, dataset, every=NEVER) == plain


def test_metrics_count_the_time_before_the_cut(dataset, tmp_path):
    cut_off(tmp_path, dataset)
    finish(tmp_path, dataset, every=NEVER)
    with open(tmp_path / "history.csv", newline="") as file:
        epochs = sum(float(row["seconds"]) for row in csv.DictReader(file))
    assert epochs > 0.3  # those of the first process, which slept in every step
    assert json.loads((tmp_path / "metrics.json").read_text())["seconds"] > epochs


def test_events_of_epochs_before_the_cut_are_written_again(dataset, tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    cut_off(tmp_path, dataset)
    for path in (tmp_path / "board").iterdir():  # as Snakemake does before it starts a job again
        path.unlink()
    finish(tmp_path, dataset, every=NEVER)
    events = EventAccumulator(str(tmp_path / "board"))
    events.Reload()
    assert [event.step for event in events.Scalars("loss")] == list(range(1, EPOCHS + 1))
    assert len(events.Scalars("test_accuracy")) == 1
    assert {name: len(events.Images(name)) for name in events.Tags()["images"]} == {
        "views of the first epoch": 1,
        "validation images with the largest loss": 1,
    }
