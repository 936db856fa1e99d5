"""Which machine was measured, and what its results are called."""

import os
import platform
import re

import torch

from kd.runtime.device import device_name
from kd.runtime.hardware import cpu_count


def describe(device: str) -> dict[str, object]:
    """Processor, cores that may be used, device, main memory in GiB and operating system."""
    return {
        "processor": device_name(torch.device("cpu")),
        "cores": cpu_count(),
        "device": device_name(torch.device(device)),
        "memory": round(_memory() / 2**30, 1),
        "os": platform.platform(),
    }


def slug(machine: dict[str, object], device: str) -> str:
    """A file name such as amd-epyc-2-cores or nvidia-h100-80gb-hbm3."""
    name = str(machine["device"])
    if device == "cpu":
        # What every processor's name says again: "(R) 64-Core Processor @ 2.20GHz".
        name = re.sub(r"\((r|tm)\)|\d+-core|processor|\bcpu\b|@.*", " ", name, flags=re.IGNORECASE)
        name += f" {machine['cores']} cores"
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


def _memory() -> int:
    """Bytes of main memory, 0 where the system does not tell."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return 0
