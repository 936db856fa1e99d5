"""Latency of one image in each of a study's networks, by PyTorch and by onnxruntime, on one CPU core.

The weights are random: latency does not depend on what a network has learnt.
"""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from kd.errors import UserError
from kd.export.fresh import fresh_network
from kd.export.onnx_file import traced, translated
from kd.export.session import session_of
from kd.io.log import logger
from kd.networks.size import count_parameters
from kd.runtime.timing import milliseconds, one_thread

Networks = Mapping[str, Mapping[str, Any]]
Image = tuple[int, int, int]  # (C, H, W)
Call = Callable[[], object]
TOGETHER = 2**28  # parameters of networks that are in memory at a time, each of them twice


@one_thread()
def measure(networks: Networks, image: Image, classes: int) -> dict[str, dict[str, Any]]:
    """By the name of each network its `architecture`, `pytorch_ms`, `onnxruntime_ms`: see kd.runtime.timing.

    `networks` are as kd.export.fresh takes them. Times are None, and the log has the reason, where a network
    cannot be run so: its training reports that as an error.
    """
    latencies = {
        name: {"architecture": about["architecture"], "pytorch_ms": None, "onnxruntime_ms": None}
        for name, about in networks.items()
    }
    for calls in _groups(networks, image, classes):
        for (name, runtime), times in milliseconds(calls).items():
            latencies[name][runtime] = times
    return latencies


def _groups(networks: Networks, image: Image, classes: int) -> Iterator[dict[tuple[str, str], Call]]:
    """The calls to be timed side by side: of all networks, unless memory might not hold them."""
    calls: dict[tuple[str, str], Call] = {}
    parameters = 0
    for name, about in networks.items():
        try:
            network = fresh_network(about, image, classes)
        except UserError as error:
            logger.warning("%s: not measured: %s", name, error)
            continue
        parameters += count_parameters(network)
        if calls and parameters > TOGETHER:
            yield calls
            calls, parameters = {}, count_parameters(network)
        calls |= {(name, runtime): call for runtime, call in _calls(name, network, image)}
    if calls:
        yield calls


def _calls(name: str, network: nn.Module, image: Image) -> Iterator[tuple[str, Call]]:
    """How one image goes through the network, by runtime; PyTorch as our trainings run it, channels last."""
    images = torch.rand(1, *image, generator=torch.Generator().manual_seed(0))
    file = _as_onnx(name, network, images)
    last = torch.channels_last
    yield "pytorch_ms", partial(_eager, network.to(memory_format=last), images.to(memory_format=last))
    if file:
        feed = {"images": np.ascontiguousarray(images.numpy())}
        yield "onnxruntime_ms", partial(session_of(file).run, None, feed)


def _eager(network: nn.Module, images: Tensor) -> Tensor:
    with torch.inference_mode():
        return network(images)


def _as_onnx(name: str, network: nn.Module, images: Tensor) -> bytes | None:
    """None where no exporter can write the network, or onnxruntime cannot run what it wrote."""
    # The first knows no antialiasing, with which networks of libraries resize, and prints pages about it.
    resizes = getattr(network, "resizes_to", None)
    for export in (translated,) if resizes else (traced, translated):
        try:
            file = export(network, images)
            session_of(file)
        except Exception as error:  # of exporters and runtimes, which raise whatever they like
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            logger.info("%s: no ONNX file by the exporter %s (%s)", name, export.__name__, reason[:300])
        else:
            return file
    logger.warning("%s: onnxruntime is left out", name)
    return None
