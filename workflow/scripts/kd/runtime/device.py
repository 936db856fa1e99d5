"""Which device a job computes on, how it is set up there, and how much memory there is."""

import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from kd.errors import UserError
from kd.io.log import logger
from kd.runtime.allocator import keep_freed_memory
from kd.runtime.gpu_slots import take_slot, take_slots
from kd.runtime.hardware import cpu_count, cpu_name
from kd.settings.compute import Compute

# In the errors of the CPU's allocator, of MPS, and of CUDA's libraries where several jobs fill a GPU.
_NO_MEMORY = ("can't allocate memory", "out of memory", "CUBLAS_STATUS_ALLOC_FAILED")
_NO_MEMORY += ("CUDNN_STATUS_ALLOC_FAILED", "CUDNN_STATUS_INTERNAL_ERROR", "unable to find an engine")


def set_up_device(compute: Compute, leased: torch.device | None = None) -> torch.device:
    """The device to compute on, with this process set up to do so reproducibly and in its share of the cores.

    It is the one that another process has `leased` for this one, or a free one. A GPU that this PyTorch
    cannot compute on is passed over for the CPU where compute.device is auto and no device was leased.
    Raises UserError if the wanted device is not there, or cannot be used.
    """
    keep_freed_memory()
    torch.set_num_threads(min(compute.cores, cpu_count()))
    device = leased or _free_device(compute)
    if device.type != "cuda":
        return device
    if reason := _unusable(device):
        if leased or compute.device != "auto":
            allowed = "cpu" if leased else "auto, cpu"
            raise UserError(f"compute.device: {compute.device}: {reason}; allowed here: {allowed}")
        logger.warning("computes on the CPU: %s", reason)
        return torch.device("cpu")
    torch.backends.cudnn.allow_tf32 = False  # float32 is float32; see Speed.rounding
    if compute.deterministic:
        _fix_order()
    return device


def _free_device(compute: Compute) -> torch.device:
    device = _pick_device(compute.device)
    if device.type != "cuda":
        return device
    return torch.device("cuda", take_slot(torch.cuda.device_count(), compute.slots_per_device))


def lease_devices(compute: Compute) -> list[torch.device]:
    """A device for each of the compute.gpus_per_job processes of a job, leased by this one, which uses none.

    With compute.device cpu it is the CPU for all. Otherwise each is another GPU; raises UserError where this
    job sees fewer.
    """
    count = compute.gpus_per_job
    if compute.device == "cpu":
        return [torch.device("cpu")] * count
    if _pick_device(compute.device).type != "cuda":
        raise UserError(f"compute.gpus_per_job: {count}, and this job sees no CUDA device; lower it to 1")
    slots = take_slots(torch.cuda.device_count(), compute.slots_per_device, count)
    return [torch.device("cuda", slot) for slot in slots]


def _unusable(device: torch.device) -> str:
    """Why PyTorch cannot compute on this GPU, which is the current one from now on; empty if it can."""
    try:
        torch.cuda.set_device(device)
        capability = torch.cuda.get_device_capability(device)
    except RuntimeError as error:  # a driver that is too old, a GPU that is another's alone
        return str(error).splitlines()[0]
    built = [_architecture(name) for name in torch.cuda.get_arch_list() if name[:3] in ("sm_", "com")]
    binary = [least for kind, least in built if kind == "sm" and least[0] == capability[0]]
    written = [least for kind, least in built if kind == "compute"]
    if built and not any(least <= capability for least in binary + written):
        number = ".".join(map(str, capability))
        return f"this PyTorch is not built for {device_name(device)} (compute capability {number})"
    return ""


def _architecture(name: str) -> tuple[str, tuple[int, int]]:
    """The kind of code and the compute capability of "sm_90", "sm_100a", "compute_120"."""
    kind, _, number = name.partition("_")
    digits = "".join(filter(str.isdecimal, number))
    return kind, (int(digits[:-1]), int(digits[-1]))


def _fix_order() -> None:
    """Let every sum on a GPU be added in the same order each time, where PyTorch has such a form."""
    # What cuBLAS asks for, before its first use.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    # An operation that has no deterministic form warns, rather than ending a study. The function
    # use_deterministic_algorithms does the same, and imports the compiler: seconds of every job.
    torch.set_deterministic_debug_mode("warn")
    torch.utils.deterministic.fill_uninitialized_memory = False  # costs time, and nothing here reads it
    # Where it only warns, PyTorch takes gradients of attention whose order is not fixed unless in plain form.
    torch.backends.cuda.enable_flash_sdp(False)
    torch.backends.cuda.enable_mem_efficient_sdp(False)
    torch.backends.cuda.enable_cudnn_sdp(False)


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
def memory_explained() -> Iterator[None]:
    """Turn an out-of-memory error of this process's device into a UserError with the remedy.

    As a decorator: of all that a script does.
    """
    try:
        yield
    except RuntimeError as error:
        if not is_out_of_memory(error):
            raise
        reason = (str(error) or "out of memory").splitlines()[0]
        device = torch.device(
            "cuda" if torch.cuda.is_initialized() else "mps" if "MPS" in str(error) else "cpu"
        )
        raise UserError(
            f"the memory of {device_name(device)} is too small ({reason}); lower batch_size or the network's"
            " width, or let fewer jobs share the device (compute.slots_per_device, --cores)"
        ) from error


def is_out_of_memory(error: RuntimeError) -> bool:
    """Whether a device's memory ran out, in whichever library."""
    return isinstance(error, torch.OutOfMemoryError) or any(text in str(error) for text in _NO_MEMORY)


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
