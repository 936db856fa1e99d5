"""Whether torch.compile can work here: it builds code with a C compiler while a job runs."""

import os
import shutil
import sysconfig
from importlib.util import find_spec
from pathlib import Path

import torch

LEAST = (7, 0)  # compute capability that Triton writes code for
_COMPILERS = {"cuda": ("CC", ("gcc", "clang")), "cpu": ("CXX", ("g++", "clang++"))}


def lacking(device: torch.device) -> str:
    """What torch.compile needs on `device` and this machine lacks; empty where nothing is."""
    variable, names = _COMPILERS.get(device.type, _COMPILERS["cpu"])
    chosen = os.environ.get(variable)
    if not any(map(shutil.which, [chosen] if chosen else names)):
        return (
            f"{variable}={chosen} is no compiler" if chosen else f"there is no compiler ({', '.join(names)})"
        )
    if not Path(sysconfig.get_paths()["include"], "Python.h").exists():
        return "Python's header files (Python.h) are not installed"
    if device.type == "cuda" and find_spec("triton") is None:
        return "triton is not installed"
    if device.type == "cuda" and torch.cuda.get_device_capability(device) < LEAST:
        return f"the GPU's compute capability is below {LEAST[0]}.{LEAST[1]}"
    return ""
