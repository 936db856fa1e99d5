"""What this machine has, found without importing torch: the workflow asks before any job runs."""

import math
import os
import platform
import re
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path


def has_gpu() -> bool:
    """Whether a job of this machine would find a GPU: NVIDIA's or AMD's that is not hidden, or Apple's.

    None of NVIDIA's and AMD's where PyTorch is built for CPUs alone.
    """
    if platform.system() == "Darwin":
        return platform.machine() == "arm64"
    hidden = os.environ.get("CUDA_VISIBLE_DEVICES") in ("", "-1")
    # /dev/nvidiactl and /dev/dxg are there in containers and WSL, where /proc/driver may be missing.
    places = ("/proc/driver/nvidia/gpus", "/dev/nvidiactl", "/dev/dxg", "/dev/kfd")
    return not hidden and any(Path(path).exists() for path in places) and _torch_for_gpus()


def _torch_for_gpus() -> bool:
    """What PyTorch says of its own build; True where it does not say."""
    spec = find_spec("torch")
    about = Path(spec.origin).with_name("version.py") if spec and spec.origin else None
    if about is None or not about.exists():
        return True
    text = about.read_text(encoding="utf-8")
    said = re.findall(r"^(?:cuda|hip)\b.*= *(.+)$", text, re.MULTILINE)
    return not said or any(value != "None" for value in said)


def cpu_count() -> int:
    """Cores that this process may use: those of its cpuset, no more than its control groups allow."""
    # Only Linux reports it: there a container or a scheduler may allow fewer than there are.
    if hasattr(os, "sched_getaffinity"):
        cores = len(os.sched_getaffinity(0))
        return max(1, math.ceil(min([cores, *_quotas()])))
    return os.cpu_count() or 1


def peak_memory() -> int | None:
    """Bytes of this process's largest resident set so far; None where the system does not say (not Linux)."""
    line = re.search(r"^VmHWM:\s*(\d+) kB", _text(Path("/proc/self/status")), re.MULTILINE)
    return 1024 * int(line[1]) if line else None


def _quotas(groups: Path = Path("/sys/fs/cgroup"), own: Path = Path("/proc/self/cgroup")) -> Iterator[float]:
    """The cores that each control group of this process allows, as `docker --cpus` and Kubernetes set them.

    `own` lists the groups, in lines such as "0::/a/b" (version 2) or "4:cpu,cpuacct:/a/b" (version 1).
    """
    for line in _text(own).splitlines():
        _, controllers, name = line.split(":", 2)
        if controllers and "cpu" not in controllers.split(","):
            continue
        root = groups / controllers
        # A container may show its own group as the root, or name it as the machine does.
        for folder in (root / name.lstrip("/"), *(root / name.lstrip("/")).parents):
            if not folder.is_relative_to(groups):
                break
            quota, _, period = _text(folder / "cpu.max").strip().partition(" ")
            quota = quota or _text(folder / "cpu.cfs_quota_us").strip()
            period = period or _text(folder / "cpu.cfs_period_us").strip()
            if quota.isdecimal() and period.isdecimal() and int(period):  # not "max", nor -1
                yield int(quota) / int(period)


def _text(path: Path) -> str:
    """What a file of the kernel's says; nothing where it is not there, or not to be read."""
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeError):
        return ""


def cpu_has_bf16() -> bool:
    """Whether the processor multiplies bf16 numbers itself, as far as Linux reports it."""
    return not {"avx512_bf16", "amx_bf16", "bf16"}.isdisjoint(_cpu_info().split())


def cpu_name() -> str:
    """The processor's model, as far as Linux reports it."""
    name = re.search(r"^model name\s*:(.*)", _cpu_info(), re.MULTILINE)
    return name[1].strip() if name else ""


def _cpu_info() -> str:
    return _text(Path("/proc/cpuinfo"))
