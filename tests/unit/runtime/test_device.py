"""The device that a job computes on: whether it can be used, how it is set up, and when its memory runs out."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from kd.errors import UserError
from kd.runtime import device as device_module
from kd.runtime.device import is_out_of_memory, lease_devices, memory_explained, set_up_device
from kd.settings.compute import Compute


@pytest.fixture
def gpu(monkeypatch):
    """One that can be described; what happens to it is noted."""
    calls = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(torch.cuda, "set_device", lambda chosen: calls.append(str(chosen)))
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (9, 0))
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "NVIDIA Some")
    monkeypatch.setattr(torch.cuda, "get_arch_list", lambda: ["sm_75", "sm_80", "sm_90", "compute_120"])
    monkeypatch.setattr(device_module, "take_slot", lambda *asked: 0)
    monkeypatch.setattr(torch, "set_deterministic_debug_mode", lambda mode: calls.append(mode))
    for name in ("flash", "mem_efficient", "cudnn"):
        switch = f"enable_{name}_sdp"
        monkeypatch.setattr(torch.backends.cuda, switch, lambda on, name=name: calls.append((name, on)))
    monkeypatch.setattr(torch.utils.deterministic, "fill_uninitialized_memory", True)
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", True)
    return calls


def test_every_order_is_fixed(gpu):
    assert set_up_device(Compute()) == torch.device("cuda", 0)
    assert gpu == ["cuda:0", "warn", ("flash", False), ("mem_efficient", False), ("cudnn", False)]
    assert torch.backends.cudnn.allow_tf32 is False


def test_or_none(gpu):
    set_up_device(Compute(deterministic=False))
    assert gpu == ["cuda:0"]
    assert torch.backends.cudnn.allow_tf32 is False


@pytest.mark.parametrize(
    ("capability", "built", "usable"),
    [
        ((9, 0), ["sm_90"], True),
        ((8, 6), ["sm_80"], True),  # code of a smaller minor number runs
        ((8, 0), ["sm_86"], False),
        ((7, 0), ["sm_75", "sm_80"], False),
        ((10, 0), ["sm_90", "sm_100a"], True),
        ((12, 1), ["sm_90"], False),
        ((12, 1), ["sm_90", "compute_90"], True),  # what is written for 9.0 is translated for later ones
        ((9, 4), ["gfx942"], True),  # AMD's: no such numbers
    ],
)
def test_a_gpu_that_pytorch_is_not_built_for_is_passed_over(
    gpu, monkeypatch, caplog, capability, built, usable
):
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
    monkeypatch.setattr(torch.cuda, "get_arch_list", lambda: built)
    assert set_up_device(Compute()).type == ("cuda" if usable else "cpu")
    number = ".".join(map(str, capability))
    reason = f"this PyTorch is not built for NVIDIA Some (compute capability {number})"
    assert [record.message for record in caplog.records] == [f"computes on the CPU: {reason}"] * (not usable)
    if not usable:
        with pytest.raises(
            UserError, match=r"compute\.device: cuda: this PyTorch is not built for NVIDIA Some"
        ):
            set_up_device(Compute(device="cuda"))


def test_a_driver_that_is_too_old_is_passed_over(gpu, monkeypatch, caplog):
    def refuse(device):
        raise RuntimeError(
            "The NVIDIA driver on your system is too old (found version 11040).\nPlease update"
        )

    monkeypatch.setattr(torch.cuda, "set_device", refuse)
    assert set_up_device(Compute()) == torch.device("cpu")
    assert caplog.messages == [
        "computes on the CPU: The NVIDIA driver on your system is too old (found version 11040)."
    ]


def test_each_rank_of_a_job_has_a_device_of_its_own(gpu, monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 4)
    monkeypatch.setattr(device_module, "take_slots", lambda *asked: [1, 3] if asked == (4, 2, 2) else asked)
    two = Compute(gpus_per_job=2, slots_per_device=2)
    assert lease_devices(two) == [torch.device("cuda", 1), torch.device("cuda", 3)]
    assert gpu == []
    assert set_up_device(two, torch.device("cuda", 3)) == torch.device("cuda", 3)
    assert gpu[0] == "cuda:3"


def test_ranks_compute_on_the_cpu_only_where_that_is_asked_for(monkeypatch):
    assert lease_devices(Compute(device="cpu", gpus_per_job=3)) == [torch.device("cpu")] * 3
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(UserError, match=r"compute\.gpus_per_job: 2, and this job sees no CUDA device"):
        lease_devices(Compute(gpus_per_job=2))


def test_a_leased_gpu_is_not_passed_over(gpu, monkeypatch):
    monkeypatch.setattr(torch.cuda, "get_arch_list", lambda: ["sm_100"])
    with pytest.raises(UserError, match=r"this PyTorch is not built for .*; allowed here: cpu"):
        set_up_device(Compute(gpus_per_job=2), torch.device("cuda", 1))


SET_UP = """
import sys, torch
from unittest import mock
from kd.runtime import device
from kd.settings.compute import Compute
with mock.patch.multiple(torch.cuda, is_available=lambda: True, device_count=lambda: 1, set_device=print,
                         get_device_capability=lambda device: (9, 0), get_arch_list=lambda: ["sm_90"]):
    device.take_slot = lambda *asked: 0
    device.set_up_device(Compute())
assert torch.are_deterministic_algorithms_enabled() and torch.is_deterministic_algorithms_warn_only_enabled()
assert "torch._inductor" not in sys.modules, "the compiler was imported, which takes seconds"
"""


@pytest.mark.full
def test_no_job_that_compiles_nothing_imports_the_compiler():
    scripts = Path(device_module.__file__).parents[2]
    subprocess.run([sys.executable, "-c", SET_UP], check=True, env={"PYTHONPATH": str(scripts)}, timeout=60)


@pytest.mark.parametrize(
    "text",
    [
        "CUDA out of memory. Tried to allocate 9.00 GiB.",
        "[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory: you tried to allocate",
        "MPS backend out of memory (MPS allocated: 5.00 GB)",
        "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`",
        "cuDNN error: CUDNN_STATUS_ALLOC_FAILED",
        "cuDNN error: CUDNN_STATUS_INTERNAL_ERROR",
        "GET was unable to find an engine to execute this computation",
    ],
)
def test_memory_that_runs_out_is_explained_whichever_library_says_it(text):
    assert is_out_of_memory(RuntimeError(text))

    @memory_explained()
    def job():
        raise RuntimeError(text + "\nand more")

    with pytest.raises(UserError, match=r"is too small .*; lower batch_size or the network's width") as error:
        job()
    assert "and more" not in str(error.value)


def test_other_errors_stay_what_they_are():
    with pytest.raises(RuntimeError, match="mat1 and mat2"), memory_explained():
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")
