"""Stores of targets that several processes fill, that are killed, that are full; and what they leave on the disk."""

import os
import shutil
import signal
import time
from multiprocessing import get_context

import numpy as np
import pytest
import torch

from kd.errors import UserError
from kd.teachers import store as stores
from kd.teachers.chunks import entries_in, positions_in, read_chunk, span
from kd.teachers.content import content_of
from kd.teachers.encoding import Encoding
from kd.teachers.size import store_bytes
from kd.teachers.store import Filling, open_store

processes = get_context("fork")
FULL = Encoding(3)


def values(positions):
    """Made-up logits of the entries at these positions: (n, 3) float16."""
    return {"values": np.stack([positions, positions + 1, positions + 2], axis=1).astype(np.float16)}


def fill(folder, needed, count=10, seconds=0.0, key="key"):
    filling = Filling(open_store(folder, key, needed.shape[1], FULL), needed)
    computed = []
    for positions in filling.parts(count):
        time.sleep(seconds)
        filling.add(positions, values(positions))
        computed.append(positions)
    np.save(folder / f"computed-{os.getpid()}.npy", np.concatenate([np.empty(0, int), *computed]))
    return filling


def content(folder, key="key"):
    """The positions of all chunks, one after the other; each is checked."""
    chunks = [read_chunk(path, "") for path in (folder / key).glob("*.safetensors")]
    for positions, arrays in chunks:
        assert np.array_equal(arrays["values"].numpy(), values(positions)["values"])
    return np.sort(np.concatenate([positions for positions, _ in chunks]))


def some(rows=4, samples=50, seed=0):
    return np.random.default_rng(seed).random((rows, samples)) < 0.6


def test_what_is_needed_is_there_once_and_nothing_else(tmp_path):
    needed = some()
    filling = fill(tmp_path, needed)
    assert content(tmp_path).tolist() == np.flatnonzero(needed).tolist()
    assert filling.missing == 0
    assert [span(name)[0] for name in filling.store.names()] == np.flatnonzero(needed)[::10].tolist()


def test_a_later_run_adds_what_it_lacks(tmp_path):
    one, other = np.zeros((2, 50), bool), np.zeros((2, 50), bool)
    one[0], other[0, :5], other[1, ::2] = True, True, True
    first = fill(tmp_path, one)
    names = first.store.names()
    second = fill(tmp_path, other)
    assert content(tmp_path).tolist() == np.flatnonzero(one | other).tolist()
    assert set(names) < set(second.store.names())


def test_chunks_of_another_run_between_ones_own_are_passed_over(tmp_path):
    one, other = np.zeros((2, 50), bool), np.ones((2, 50), bool)
    one[:, 1::2] = True
    fill(tmp_path, one, count=20)
    store = fill(tmp_path, other, count=20).store  # all that it adds lies among what is there
    parts = list(entries_in(store.folder, one.reshape(-1), ""))
    assert np.concatenate([positions for positions, _ in parts]).tolist() == np.flatnonzero(one).tolist()
    assert content_of(parts) == content_of([(np.flatnonzero(one), values(np.flatnonzero(one)))])


@pytest.mark.parametrize("gap", [1, 255, 256, 70_000])
def test_positions_far_apart_are_read_as_they_were_written(tmp_path, gap):
    positions = np.array([7, 7 + gap, 8 + 2 * gap])
    store = open_store(tmp_path, "key", 10, FULL)
    store.add(positions, values(np.arange(3)))
    (name,) = store.names()
    assert span(name) == (7, 8 + 2 * gap)
    assert positions_in(store.folder / name, "").tolist() == positions.tolist()
    assert read_chunk(store.folder / name, "")[0].tolist() == positions.tolist()


def test_several_processes_fill_one_store_and_compute_nothing_twice(tmp_path):
    """Two with the same needs, as parts of one seed would have, and one with others."""
    needs = [some(seed=0), some(seed=0), some(seed=1)]
    started = time.monotonic()
    workers = [processes.Process(target=fill, args=(tmp_path, needed, 10, 0.05)) for needed in needs]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
        assert worker.exitcode == 0
    together = time.monotonic() - started
    assert content(tmp_path).tolist() == np.flatnonzero(needs[0] | needs[2]).tolist()
    computed = [len(np.load(path)) for path in tmp_path.glob("computed-*.npy")]
    assert sum(computed) == (needs[0] | needs[2]).sum()
    assert min(computed) > 0  # none waited for another to end
    assert together < 60
    assert not list((tmp_path / "key" / "claims").iterdir())


def test_what_a_killed_process_has_written_stays_and_what_it_claimed_is_free(tmp_path):
    needed = np.ones((2, 50), bool)
    worker = processes.Process(target=fill, args=(tmp_path, needed, 10, 0.3))
    worker.start()
    deadline = time.monotonic() + 30
    while len(list((tmp_path / "key").glob("*.safetensors"))) < 2:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    os.kill(worker.pid, signal.SIGKILL)
    worker.join()
    left = len(content(tmp_path))
    assert list((tmp_path / "key" / "claims").glob("*.npy"))  # of the chunk that was at hand
    fill(tmp_path, needed)
    assert content(tmp_path).tolist() == list(range(100))
    (computed,) = [np.load(path) for path in tmp_path.glob("computed-*.npy")]
    assert left % 10 == 0
    assert len(computed) == 100 - left
    assert not list((tmp_path / "key" / "claims").iterdir())


def write_large_chunks(folder):
    filling = Filling(open_store(folder, "key", 40_000, Encoding(40)), np.ones((50, 40_000), bool))
    for part in filling.parts(40_000):
        filling.add(part, {"values": np.zeros((len(part), 40), np.float16)})


@pytest.mark.parametrize("moment", [0.0, 0.005, 0.02])
def test_killed_while_it_writes_it_leaves_whole_chunks(tmp_path, moment):
    """Chunks of 3 MB, one after the other: most of the time it is writing."""
    worker = processes.Process(target=write_large_chunks, args=(tmp_path,))
    worker.start()
    deadline = time.monotonic() + 60
    while len(list(tmp_path.glob("key/*.safetensors"))) < 2:
        assert time.monotonic() < deadline
        time.sleep(0.001)
    time.sleep(moment)
    worker.kill()
    worker.join()
    whole = [len(read_chunk(path, "")[0]) for path in (tmp_path / "key").glob("*.safetensors")]
    assert set(whole) == {40_000}


def test_a_job_waits_for_targets_that_another_one_computes(tmp_path, caplog, monkeypatch):
    caplog.set_level("INFO", "kd")
    monkeypatch.setattr(stores, "POLL", 0.02)
    needed = np.ones((1, 20), bool)
    worker = processes.Process(target=fill, args=(tmp_path, needed, 20, 0.5))
    worker.start()
    while not list(tmp_path.glob("key/claims/*.npy")):
        time.sleep(0.005)
    filling = fill(tmp_path, needed)
    worker.join(30)
    assert filling.missing == 0
    assert len(content(tmp_path)) == 20
    assert "waits for 20 targets that another job computes" in caplog.text


def test_targets_larger_than_what_the_disk_has_are_refused_before_a_byte_is_written(tmp_path, monkeypatch):
    """1,000 entries of 3 logits of 2 bytes, and a byte for the gap: 7 kB and a header."""
    monkeypatch.setattr(shutil, "disk_usage", lambda path: type("Usage", (), {"free": 7_000}))
    filling = Filling(open_store(tmp_path, "key", 500, FULL), np.ones((2, 500), bool))
    says = r"key: the targets need 0\.0 MB more, and the disk has 0\.0 MB; free some space, store less with"
    with pytest.raises(UserError, match=says):
        filling.check_disk()
    assert not filling.store.names()
    monkeypatch.undo()
    filling.check_disk()


def test_a_disk_that_fills_up_is_one_line_and_the_whole_chunks_stay(tmp_path, monkeypatch):
    needed = np.ones((2, 50), bool)
    written = []

    def save(arrays, path, metadata):
        if len(written) == 3:
            raise OSError(28, "No space left on device")
        written.append(original(arrays, path, metadata))

    from kd.io import tensors

    original = tensors.save_file
    monkeypatch.setattr(tensors, "save_file", save)
    with pytest.raises(
        UserError, match=r"^the targets cannot be stored: .*No space left .*; free some space, store"
    ):
        fill(tmp_path, needed)
    monkeypatch.undo()
    assert len(content(tmp_path)) == 30
    fill(tmp_path, needed)
    assert len(content(tmp_path)) == 100


def test_a_damaged_chunk_is_named_by_those_who_fill(tmp_path):
    filling = fill(tmp_path, np.ones((1, 20), bool))
    path = filling.store.folder / filling.store.names()[0]
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(
        UserError, match=rf"{path.name}: not a whole chunk of targets .*; delete it to have it"
    ):
        fill(tmp_path, np.ones((1, 20), bool))


@pytest.mark.parametrize(
    ("encoding", "entry"),
    [(Encoding(10), 20), (Encoding(200, 20), 20 * 2 + 20 + 10), (Encoding(1000, 20), 90)],
)
def test_real_files_are_as_large_as_the_arithmetic_says(tmp_path, encoding, entry):
    """float16 for each logit; with top_k a number of 1 or 2 bytes for each, and 5 float16 for the rest."""
    assert encoding.bytes == entry
    samples = 8192
    store = open_store(tmp_path, "key", samples, encoding)
    filling = Filling(store, np.ones((2, samples), bool))
    logits = torch.randn(samples, encoding.classes)
    for part in filling.parts(4096):
        arrays = encoding.encode(logits[: len(part)])
        filling.add(part, {name: array.numpy() for name, array in arrays.items()})
    size = sum(path.stat().st_size for path in store.folder.glob("*.safetensors"))
    assert size == pytest.approx(store_bytes(2 * samples, encoding.classes, encoding.top_k), rel=0.01)
    assert size == pytest.approx(2 * samples * (entry + 1), rel=0.02)
