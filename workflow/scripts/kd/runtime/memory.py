"""How much memory a device has, and what to do when it runs out."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from kd.errors import UserError
from kd.runtime.device import device_name

_NO_MEMORY = ("can't allocate memory", "out of memory")  # in the errors of the CPU's allocator and of MPS


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
