"""Which device a job computes on, how it is set up there, and how much memory there is."""

import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from kd.errors import UserError
from kd.runtime.allocator import keep_freed_memory
from kd.runtime.gpu_slots import take_slot
from kd.runtime.hardware import cpu_count, cpu_name
from kd.settings.compute import Compute

_NO_MEMORY = ("can't allocate memory", "out of memory")  # in the errors of the CPU's allocator and of MPS


def set_up_device(compute: Compute) -> torch.device:
    """The device to compute on, with this process set up to do so reproducibly and in its share of the cores.

    Raises UserError if the wanted device is not there.
    """
    keep_freed_memory()
    torch.set_num_threads(min(compute.threads, cpu_count()))
    device = _pick_device(compute.device)
    if device.type != "cuda":
        return device
    if compute.deterministic:
        # What cuBLAS asks for, before its first use.
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        # An operation that has no deterministic form warns, rather than ending a study.
        torch.use_deterministic_algorithms(True, warn_only=True)
        torch.utils.deterministic.fill_uninitialized_memory = False  # costs time, and nothing here reads it
    device = torch.device("cuda", take_slot(torch.cuda.device_count(), compute.slots_per_device))
    torch.cuda.set_device(device)
    return device


def _pick_device(wanted: str) -> torch.device:
    """The device named in the config; "auto" takes CUDA, then Apple's MPS, then the CPU."""
    # Asked through the driver's library, which starts nothing on a GPU that may be another job's.
    os.environ.setdefault("PYTORCH_NVML_BASED_CUDA_CHECK", "1")
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    available = [name for name, is_there in there.items() if is_there]
    if wanted == "auto":
        wanted = available[0]
    if wanted not in available:
        names = ", ".join(available)
        raise UserError(
            f"compute.device: {wanted} is not available on this machine; available: auto, {names}"
        )
    return torch.device(wanted)


def device_name(device: torch.device) -> str:
    """The model of the device, such as "NVIDIA H100" or the processor's name."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    if device.type == "mps":
        return f"{platform.machine()} GPU (MPS)"
    return cpu_name() or platform.processor() or platform.machine()


@contextmanager
def memory_explained(device: torch.device) -> Iterator[None]:
    """Turn the device's out-of-memory error into a UserError with the remedy."""
    try:
        yield
    except RuntimeError as error:  # torch.OutOfMemoryError is one
        reason = str(error).splitlines()[0] if str(error) else ""
        if not isinstance(error, torch.OutOfMemoryError) and not any(text in reason for text in _NO_MEMORY):
            raise
        raise UserError(
            f"the memory of {device_name(device)} is too small ({reason}); lower batch_size or the network's"
            " width, or let fewer jobs share the device (compute.slots_per_device, --cores)"
        ) from error


def total_memory(device: torch.device) -> int:
    """Bytes of the device; of a CPU, what this process's control groups leave of it."""
    if device.type == "cuda":
        return torch.cuda.get_device_properties(device).total_memory
    limits = [os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")]
    for group in _control_groups():
        text = (group / "memory.max").read_text() if (group / "memory.max").exists() else "max"
        limits += [int(text)] if text.strip().isdecimal() else []
    return min(limits)


def _control_groups() -> list[Path]:
    """The folder of this process's control group (version 2), as a scheduler makes one, and those above."""
    own = Path("/proc/self/cgroup")
    lines = own.read_text().splitlines() if own.exists() else []
    folders = [Path("/sys/fs/cgroup") / line[3:].strip("/") for line in lines if line.startswith("0::")]
    return [place for folder in folders for place in (folder, *folder.parents)]
