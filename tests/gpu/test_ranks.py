"""Two GPUs that train one network, by NCCL; tests/unit/training and tests/workflow have the same on the CPU."""

import fcntl
import os
from functools import partial

import pytest
import torch
from checkout import Checkout, copy_code
from killed_ranks import WHOM, Long
from trained_together import PLAIN, TIMES, TRAININGS, assert_alike, courses, normalised

from kd.runtime.ranks.group import ALONE
from kd.runtime.ranks.launcher import launch
from kd.settings.compute import Compute

pytestmark = pytest.mark.skipif(
    torch.cuda.device_count() < 2, reason="several GPUs in one job need two GPUs on this machine"
)
TWO = Compute(gpus_per_job=2)


def together(work):
    launch(TWO, [torch.device("cuda", number) for number in range(2)], work)


def test_two_gpus_have_the_losses_of_one(cuda, tmp_path):
    together(partial(courses, str(tmp_path), list(TRAININGS)))
    for name in TRAININGS:
        assert_alike(tmp_path, name, cuda)


def test_with_synchronised_batch_norm_it_is_that_of_one(cuda, tmp_path):
    together(partial(normalised, str(tmp_path), True))
    two = torch.load(tmp_path / "normalised.pt")
    normalised(str(tmp_path), False, ALONE, cuda)
    assert len(two) == PLAIN.epochs
    for row, by_one in zip(two, torch.load(tmp_path / "normalised.pt"), strict=True):
        assert {key: row[key] for key in row.keys() - TIMES} == pytest.approx(
            {key: by_one[key] for key in by_one.keys() - TIMES}, rel=1e-4
        )


def test_a_run_repeats_to_the_bit(cuda, tmp_path):
    weights = []
    for _ in range(2):
        together(partial(courses, str(tmp_path), ["kd"]))
        weights.append(torch.load(tmp_path / "kd.pt")[1])
    for first, second in zip(*(tensors.values() for tensors in weights), strict=True):
        assert torch.equal(first, second)


def free(folder):
    """The slots of GPUs that no job holds."""
    names = set()
    for path in folder.glob("kd-gpu-slots-*/*"):
        lock = os.open(path, os.O_RDWR)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            names.add(path.name)
        except BlockingIOError:
            continue
        finally:
            os.close(lock)
    return names


@pytest.mark.parametrize("whom", WHOM)
def test_what_is_killed_frees_both_gpus_and_goes_on_to_the_same_bytes(tmp_path, monkeypatch, whom):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    long = Long("cuda", epochs=100, options=["--resources", "gpu=2"])  # seconds, so that it can be killed
    whole, killed = (Checkout(tmp_path / name, warm=False) for name in ("whole", "killed"))
    for checkout in (whole, killed):
        copy_code(checkout.folder)
        long.configure(checkout)
    long.killed(killed, whom, meanwhile=lambda: pytest.fail("a GPU is free") if free(tmp_path) else None)
    assert free(tmp_path) == {"0-0", "1-0"}
    assert long.resumed(killed) == long.run(whole)
