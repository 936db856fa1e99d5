"""How fast a run may go without changing its recipe: bf16, CUDA graphs, torch.compile."""

import os
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from kd.errors import UserError
from kd.runtime.hardware import cpu_has_bf16
from kd.settings.compute import Compute

# Steps from which on the one-time cost is repaid. Capturing a graph takes about a second; compiling takes
# 10 to 120 s, and speeds a step of some milliseconds up by a third at best.
GRAPH_STEPS, COMPILE_STEPS = 200, 20_000
COMPILED = Path(".snakemake/kd-compiled")  # kept between jobs, so that a network is compiled once


@dataclass(frozen=True)
class Speed:
    """What a run uses, and why, in words for its log."""

    bf16: bool = False
    graph: bool = False
    compile: bool = False
    reason: str = "float32, step by step"

    def autocast(self, device: torch.device) -> AbstractContextManager:
        """The context of a forward pass."""
        return torch.autocast(device.type, torch.bfloat16, enabled=self.bf16)

    def compiled(self, network: nn.Module) -> nn.Module:
        """`network`, or its compiled form, which shares the weights; for batches of one size."""
        if not self.compile:
            return network
        os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(COMPILED.absolute()))
        return torch.compile(network, dynamic=False)


def choose_speed(compute: Compute, device: torch.device, steps: int, *, training: bool = True) -> Speed:
    """The speed that the config sets; where it is auto, what suits the device and the length of the run.

    `steps` are those of the whole run, also when it is resumed; without `training` they are forward passes
    of as many images. Nothing is timed: the same run decides the same way every time. Raises UserError where
    bf16 would be emulated, tens of times slower.
    """
    cuda = device.type == "cuda"
    bf16 = _wanted(compute.precision, cuda and _has_bf16(device))
    if bf16 and not _has_bf16(device):
        raise UserError("compute.precision: this device computes no bf16 of its own; allowed: auto, fp32")
    graph = cuda and training and _wanted(compute.cuda_graphs, steps >= GRAPH_STEPS)
    # On a CPU compiled training was 0.9 to 1.1 times as fast, forward passes alone 1.0 to 1.2 times.
    compile = _wanted(compute.compile, (cuda or not training) and steps >= COMPILE_STEPS)
    parts = ["bf16" if bf16 else "float32", "CUDA graph" if graph else "step by step"]
    parts += ["compiled" if compile else "not compiled"]
    return Speed(bf16, graph, compile, f"{', '.join(parts)} ({steps} steps)")


def _wanted(choice: str, auto: bool) -> bool:
    return auto if choice == "auto" else choice in ("always", "bf16")


def _has_bf16(device: torch.device) -> bool:
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)
    return device.type == "cpu" and cpu_has_bf16()
