"""Which device a job computes on, and how it is set up there."""

import os
import platform
from pathlib import Path

import torch

from kd.errors import UserError
from kd.runtime.allocator import keep_freed_memory
from kd.runtime.gpu_slots import take_slot
from kd.runtime.hardware import cpu_count
from kd.settings.compute import Compute


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
        os.environ.setdefault(
            "CUBLAS_WORKSPACE_CONFIG", ":4096:8"
        )  # what cuBLAS asks for, before its first use
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
    if wanted == "auto":
        wanted = next(name for name, available in there.items() if available)
    if not there[wanted]:
        names = ", ".join(name for name, available in there.items() if available)
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
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()
