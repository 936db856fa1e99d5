"""The least time that a step can take on this machine, from rates that are measured in the same run."""

import time
from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from bench.images import CHANNELS, CLASSES, SIDE
from bench.interleave import interleave
from bench.spec import Network, Setting, Spec, command
from kd.networks.factory import build_network
from kd.networks.size import count_macs

MATRIX_SIDES = {"cpu": (512, 1024, 2048), "cuda": (4096, 8192, 16384)}
CHANNEL_COUNTS = (128, 256, 512)  # of 3x3 convolutions of 64 maps of 16x16
COPY_BYTES = {"cpu": 2**28, "cuda": 2**30}  # far beyond any cache
TRIES = 5  # of each size; the best counts


def rates(setting: Setting) -> dict[str, Any]:
    """The machine's best rates: "matmul" in FLOP/s of matrix products, "copy" in bytes/s.

    Products are of float32 numbers, on CUDA of bfloat16, as training has them.
    "element_bytes" is the size of the numbers that a step moves. A copied byte counts twice: read, written.
    """
    repeats = min(3, setting.repeats)  # more would find no better rate
    spec = Spec(loop="rates", setting=setting, repetitions=repeats + 1)
    rows = interleave("rates of the machine", {"probe": command(spec)}, repeats)["probe"]
    best = {name: max(row[name] for row in rows) for name in ("matmul", "copy")}
    return best | {"element_bytes": _number(setting.device).itemsize}


def floor_step(network: Network, batch: int, rates: dict[str, Any]) -> float:
    """Seconds of a training step, if it computed or moved data at the machine's best rate throughout.

    Twice the multiply-accumulates are the floating-point operations forward, and backward costs twice as
    much again.
    """
    model = build_network(network.architecture, network.options, CHANNELS, CLASSES)
    image = torch.zeros(1, CHANNELS, SIDE, SIDE)
    computing = 6 * count_macs(model, image) * batch / rates["matmul"]
    return max(computing, traffic(model, image, batch, rates["element_bytes"]) / rates["copy"])


def traffic(model: nn.Module, image: torch.Tensor, batch: int, element_bytes: int) -> int:
    """Bytes that a training step moves even if everything between two matrix products is fused into them.

    Each output of a convolution or linear layer is written and read once, and so is its gradient. Each
    weight (float32) is read forward and backward, its gradient written and read, and the optimiser reads
    and writes the weight and its momentum. `image` is (1, C, H, W).
    """
    moved = 4 * element_bytes * batch * count_outputs(model, image)
    return moved + 8 * 4 * sum(parameter.numel() for parameter in model.parameters())


def count_outputs(model: nn.Module, image: torch.Tensor) -> int:
    """Numbers that all convolutions and linear layers put out for one image (1, C, H, W)."""
    counts = []
    hooks = [
        module.register_forward_hook(lambda module, inputs, output: counts.append(output.numel()))
        for module in model.modules()
        if isinstance(module, nn.Conv2d | nn.Linear)
    ]
    with torch.no_grad():
        model.eval()(image)
    for hook in hooks:
        hook.remove()
    return sum(counts)


def probe(device: str, threads: int) -> dict[str, float]:
    """The best rates of a few sizes and tries, of this process: "matmul" in FLOP/s, "copy" in bytes/s.

    Of random numbers: a GPU multiplies equal ones faster, at the same power.
    """
    torch.set_num_threads(threads)
    products = [_matmul_rate(side, device) for side in MATRIX_SIDES[device]]
    # A convolution is a matrix product too, and on a CPU the work of another library, which may use wider
    # instructions than the one for matrices.
    products += [_convolution_rate(channels, device) for channels in CHANNEL_COUNTS]
    return {
        "matmul": max(products),
        "copy": _copy_rate(COPY_BYTES[device], device),
    }


def _number(device: str) -> torch.dtype:
    return torch.bfloat16 if device == "cuda" else torch.float32


def _matmul_rate(side: int, device: str) -> float:
    a, b, product = (torch.randn(side, side, device=device).to(_number(device)) for _ in range(3))
    return 2 * side**3 / _best(lambda: torch.mm(a, b, out=product), device)


def _convolution_rate(channels: int, device: str) -> float:
    layout = {"dtype": _number(device), "device": device}
    maps = torch.randn(64, channels, 16, 16, **layout).contiguous(memory_format=torch.channels_last)
    weight = torch.randn(channels, channels, 3, 3, **layout).contiguous(memory_format=torch.channels_last)
    seconds = _best(lambda: functional.conv2d(maps, weight), device)
    return 2 * 64 * 14**2 * 9 * channels**2 / seconds


def _copy_rate(size: int, device: str) -> float:
    source, target = (torch.ones(size, dtype=torch.uint8, device=device) for _ in range(2))
    return 2 * size / _best(lambda: target.copy_(source), device)


def _best(work: Callable[[], Any], device: str) -> float:
    """Seconds of the fastest try, after one that is not counted."""
    seconds = []
    for _ in range(TRIES + 1):
        started = time.perf_counter()
        work()
        if device == "cuda":
            torch.cuda.synchronize()
        seconds.append(time.perf_counter() - started)
    return min(seconds[1:])
