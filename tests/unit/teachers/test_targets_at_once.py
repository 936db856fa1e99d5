"""Targets that several threads of one job compute at once: the same bytes, and one error."""

# ruff: noqa: F811 (fixtures of another file, which pytest asks for by name)

import threading

import numpy as np
import pytest
import torch
from small_jobs import CPU as COMPUTE
from small_jobs import dataset, teacher  # noqa: F401 (fixtures)

import cache_targets
from kd.errors import UserError
from kd.evaluation import inference
from kd.jobs.teachers import TargetsJob
from kd.runtime.compiler import lacking

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def small_batches(monkeypatch):
    """Batches of 16 images of 8×8 pixels, five of them in a chunk."""
    monkeypatch.setattr(inference, "CPU_BATCH", (16 * 64, 16))
    monkeypatch.setattr(cache_targets, "LEAST", 80)


def store(teacher, dataset, folder, at_once, compute=COMPUTE, **changes):
    """Every file of a store and its note, by name, after a job that computes so many batches at once."""
    what = TargetsJob(seed=3, epochs=4, **changes)
    note, model = folder / "3" / "4.json", teacher[0] / "model.safetensors"
    options = {"compute": compute, "at_once": at_once}
    cache_targets.main(what, "abc", dataset, model, folder / "table", note, **options)
    files = [note, *(folder / "table").glob("*/*.safetensors")]
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


@pytest.mark.parametrize("changes", [{}, {"top_k": 1}, {"augmentation": {"area": [0.5, 1.0], "mixup": 0.2}}])
def test_the_bytes_are_the_same_however_many_batches_are_computed_at_once(
    teacher, dataset, tmp_path, small_batches, changes
):
    stores = [store(teacher, dataset, tmp_path / str(count), count, **changes) for count in (1, 2, 3, 4)]
    assert len(stores[0]) > 3  # chunks, one of which is not of whole batches
    assert stores[1] == stores[2] == stores[3] == stores[0]


@pytest.mark.full
@pytest.mark.skipif(bool(lacking(torch.device("cpu"))), reason="there is no compiler")
def test_so_they_are_by_a_compiled_network(teacher, dataset, tmp_path, small_batches, monkeypatch):
    """The first chunk is computed in one thread, which compiles for the others."""
    monkeypatch.chdir(tmp_path)  # where what is compiled is kept
    compiled = COMPUTE.model_copy(update={"compile": "always"})
    stores = [store(teacher, dataset, tmp_path / str(count), count, compiled) for count in (1, 2)]
    assert stores[1] == stores[0]


def test_they_are_computed_in_so_many_threads_of_one_torch_thread_each(
    teacher, dataset, tmp_path, small_batches, monkeypatch
):
    seen, original = set(), cache_targets._logits

    def logits(*about):
        seen.add((threading.current_thread().name, torch.get_num_threads()))
        return original(*about)

    monkeypatch.setattr(cache_targets, "_logits", logits)
    store(teacher, dataset, tmp_path / "one", 1)
    assert seen == {("MainThread", 1)}
    seen.clear()
    store(teacher, dataset, tmp_path / "two", 2)
    assert "MainThread" not in {name for name, _ in seen}
    assert {count for _, count in seen} == {1}


def test_a_job_that_ends_by_an_error_in_a_thread_goes_on_from_its_chunks(
    teacher, dataset, tmp_path, small_batches, monkeypatch
):
    whole = store(teacher, dataset, tmp_path / "whole", 2)
    calls, original = [], cache_targets._logits

    def logits(*about):
        calls.append(about)
        if len(calls) == 4:  # the second part of the second chunk
            raise UserError("out of luck")
        return original(*about)

    monkeypatch.setattr(cache_targets, "_logits", logits)
    with pytest.raises(UserError, match=r"^out of luck$"):
        store(teacher, dataset, tmp_path / "cut", 2)
    assert len(list((tmp_path / "cut" / "table").glob("*/*.safetensors"))) == 1
    assert store(teacher, dataset, tmp_path / "cut", 4) == whole
    written = np.concatenate([positions for *_, positions in calls[:2] + calls[4:]])
    assert len(set(written)) == len(written)  # nothing of the first chunk is computed again


def test_parts_are_of_whole_batches_and_as_equal_as_can_be():
    sizes = [
        [len(share) for share in cache_targets._shares(np.arange(count), 16, at_once)]
        for count, at_once in ((80, 2), (80, 1), (70, 3), (16, 4), (5, 2))
    ]
    assert sizes == [[32, 48], [80], [16, 32, 22], [16], [5]]
