"""How fast a run may go without changing its recipe: bf16, CUDA graphs, torch.compile."""

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from kd.errors import UserError
from kd.runtime.compiler import lacking
from kd.runtime.hardware import cpu_count, cpu_has_bf16
from kd.settings.compute import Compute

# Steps from which on the one-time cost is repaid. Capturing a graph takes about a second; compiling takes
# 10 to 120 s, and speeds a step of some milliseconds up by a third at best.
GRAPH_STEPS, COMPILE_STEPS = 200, 20_000
COMPILED = Path(".snakemake/kd-compiled")  # kept between jobs, so that a network is compiled once
WORKERS = 4  # processes that compile for a job; by default as many as the machine has cores


@dataclass(frozen=True)
class Speed:
    """What a run uses, and why, in words for its log."""

    bf16: bool = False
    graph: bool = False
    compile: bool = False
    ranks: int = 1  # processes that compute together
    synchronised: bool = False  # whether batch norm is over the batches of all of them
    reason: str = "float32, step by step"

    @property
    def precision(self) -> str:
        """Of the networks' products: "bf16" or "float32"."""
        return "bf16" if self.bf16 else "float32"

    @property
    def arithmetic(self) -> str:
        """Names what the sums of a training depend on besides the device: none goes on from another's."""
        ranks = [str(self.ranks)] if self.ranks > 1 else []
        return " ".join([self.precision, *ranks, *["synchronised"] * self.synchronised])

    def autocast(self, device: torch.device) -> AbstractContextManager:
        """The context of a forward pass."""
        return torch.autocast(device.type, torch.bfloat16, enabled=self.bf16)

    @contextmanager
    def rounding(self) -> Iterator[None]:
        """The context of training: beside bf16, convolutions in float32 may round to TF32 too."""
        before = torch.backends.cudnn.allow_tf32
        torch.backends.cudnn.allow_tf32 = self.bf16
        try:
            yield
        finally:
            torch.backends.cudnn.allow_tf32 = before

    def compiled(self, network: nn.Module) -> nn.Module:
        """`network`, or its compiled form, which shares the weights; for batches of one size."""
        if not self.compile:
            return network
        os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(COMPILED.absolute()))
        os.environ.setdefault("TORCHINDUCTOR_COMPILE_THREADS", str(min(WORKERS, cpu_count())))
        import torch._inductor.config  # seconds, of those jobs alone that compile

        torch._inductor.config.deterministic = torch.are_deterministic_algorithms_enabled()
        return torch.compile(network, dynamic=False)

    def used(self, device: torch.device, replayed: bool = False) -> dict[str, Any]:
        """What shapes a result besides its configuration, for its metrics or note.

        `replayed`: whether a CUDA graph was; a step may not be one that can be recorded.
        """
        facts = {"device": device.type, "precision": self.precision, "compiled": self.compile}
        facts |= {"cuda_graph": replayed, "threads": torch.get_num_threads()}
        facts |= {"ranks": self.ranks} if self.ranks > 1 else {}
        facts |= {"sync_batch_norm": True} if self.synchronised else {}
        return facts | {"deterministic": device.type == "cpu" or torch.are_deterministic_algorithms_enabled()}


def choose_speed(
    compute: Compute, device: torch.device, steps: int, *, training: bool = True, bf16_pays: bool = False
) -> Speed:
    """The speed that the config sets; where it is auto, what suits the device and the length of the run.

    `steps` are those of the whole run, also when it is resumed; without `training` they are forward passes
    of as many images. `bf16_pays`: whether a CPU that computes bf16 trains the network faster in it
    (kd.networks.bf16); a GPU always does. Nothing is timed: the same run decides the same way every time.
    Raises UserError where bf16 would be emulated, tens of times slower, and where compiling is wanted and
    cannot work.
    """
    cuda = device.type == "cuda"
    bf16 = _wanted(compute.precision, (cuda or bf16_pays) and has_bf16(device))
    if bf16 and not has_bf16(device):
        raise UserError("compute.precision: this device computes no bf16 of its own; allowed: auto, fp32")
    several = compute.gpus_per_job > 1
    graph = cuda and training and not several and _wanted(compute.cuda_graphs, steps >= GRAPH_STEPS)
    # On a CPU compiled training was 0.9 to 1.1 times as fast, forward passes alone 1.0 to 1.2 times.
    compile = _wanted(compute.compile, (cuda or not training) and steps >= COMPILE_STEPS)
    missing = lacking(device) if compile else ""
    synchronised = several and training and compute.sync_batch_norm
    if compile and synchronised:
        missing = "batch norm is over all GPUs"
    if missing and compute.compile == "always":
        raise UserError(f"compute.compile: always cannot work here: {missing}; allowed: auto, never")
    parts = [
        "bf16" if bf16 else "float32 (this GPU has no bf16)" if cuda and not has_bf16(device) else "float32"
    ]
    without = " (no CUDA graph with several GPUs)" if cuda and training and several else ""
    parts += ["CUDA graph" if graph else f"step by step{without}"]
    parts += [f"not compiled: {missing}" if missing else "compiled" if compile else "not compiled"]
    parts += [f"{compute.gpus_per_job} processes"] if several else []
    reason = f"{', '.join(parts)} ({steps} steps)"
    return Speed(bf16, graph, compile and not missing, compute.gpus_per_job, synchronised, reason)


def _wanted(choice: str, auto: bool) -> bool:
    return auto if choice == "auto" else choice in ("always", "bf16")


def has_bf16(device: torch.device) -> bool:
    """Whether a device computes bf16 products of its own."""
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)
    return device.type == "cpu" and cpu_has_bf16()
