"""What this machine has, found without importing torch: the workflow asks before any job runs."""

import os
import platform
import re
from pathlib import Path


def has_gpu() -> bool:
    """Whether a job of this machine would find a GPU: an NVIDIA one that is not hidden, or Apple's."""
    if platform.system() == "Darwin":
        return platform.machine() == "arm64"
    hidden = os.environ.get("CUDA_VISIBLE_DEVICES") in ("", "-1")
    # The second is what the driver makes inside containers and WSL, where /proc/driver may be missing.
    return not hidden and any(
        Path(path).exists() for path in ("/proc/driver/nvidia/gpus", "/dev/nvidiactl", "/dev/dxg")
    )


def cpu_count() -> int:
    """Cores that this process may use."""
    # Only Linux reports it: there a container or a job's cpuset may allow fewer than there are.
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def cpu_has_bf16() -> bool:
    """Whether the processor multiplies bf16 numbers itself, as far as Linux reports it."""
    return not {"avx512_bf16", "amx_bf16", "bf16"}.isdisjoint(_cpu_info().split())


def cpu_name() -> str:
    """The processor's model, as far as Linux reports it."""
    name = re.search(r"^model name\s*:(.*)", _cpu_info(), re.MULTILINE)
    return name[1].strip() if name else ""


def _cpu_info() -> str:
    info = Path("/proc/cpuinfo")
    return info.read_text(encoding="utf-8") if info.exists() else ""
