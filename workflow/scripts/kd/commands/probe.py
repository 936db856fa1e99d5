"""Times networks on this machine for about a minute: training steps and forward passes on random images."""

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
from torch.nn.functional import cross_entropy

from kd.commands.times import Pace
from kd.errors import UserError
from kd.networks.bf16 import trains_faster_in_bf16
from kd.networks.factory import build_network
from kd.networks.placement import place
from kd.networks.size import count_parameters
from kd.runtime.device import device_name, set_up_device
from kd.runtime.speed import choose_speed
from kd.settings.compute import Compute

ENOUGH = 30  # steps of a size that are timed at most
FIRST = 4  # images of the first step, by which the size of those that are timed is chosen
STEPS = 10**6  # of a run that is long enough for what is not compiled; compiling would take the minute
WITHOUT_COMPILING = {"compile": "never", "cuda_graphs": "never"}


class Probe:
    """Times networks for images of one shape; `seconds` are divided among `count` networks."""

    def __init__(
        self, compute: Compute, shape: tuple[int, int, int], classes: int, seconds: float, count: int
    ):
        self.device = set_up_device(compute)
        torch.optim.SGD([torch.zeros(1, requires_grad=True)], 1.0).step()  # it imports the compiler
        self._compute = compute.model_copy(update=WITHOUT_COMPILING)
        self._shape, self._classes = shape, classes
        self._each = seconds / max(1, count) / 2  # for training steps, and for forward passes

    @property
    def where(self) -> str:
        """The name of the device."""
        return device_name(self.device)

    def pace(self, about: Any) -> Pace:
        """Of a network with an architecture, options and perhaps a recipe. Raises UserError."""
        network = build_network(about.architecture, about.options, self._shape[2], self._classes)
        place(network, self.device)
        shape = (self._shape[2], *self._shape[:2])
        pays = trains_faster_in_bf16(network, shape, self.device)
        speed = choose_speed(self._compute, self.device, STEPS, bf16_pays=pays)
        targets_speed = choose_speed(self._compute, self.device, STEPS, training=False)
        most = about.recipe.batch_size if hasattr(about, "recipe") else 128
        optimizer = torch.optim.SGD(network.parameters(), 1e-4, momentum=0.9)

        def step(images: torch.Tensor, labels: torch.Tensor) -> None:
            with speed.autocast(self.device):
                logits = network(images)
            optimizer.zero_grad()
            cross_entropy(logits.float(), labels).backward()
            optimizer.step()

        def forward(images: torch.Tensor, labels: torch.Tensor) -> None:
            with torch.no_grad(), targets_speed.autocast(self.device):
                network(images)

        network.train()
        train = self._per_image(step, most)
        network.eval()
        return Pace(train, self._per_image(forward, most), count_parameters(network))

    def _per_image(self, run: Callable[..., None], most: int) -> float:
        """Seconds per image, in batches of `most` images or of as many as the time allows."""
        self._time(run, FIRST)  # the first is slower: memory is allocated, kernels are chosen
        one = self._time(run, FIRST) / FIRST
        size = max(FIRST, min(most, int(self._each / 3 / max(one, 1e-9))))
        times = [one * FIRST] if size == FIRST else [self._time(run, size)]
        until = time.monotonic() + self._each - sum(times)
        while time.monotonic() < until and len(times) < ENOUGH:
            times.append(self._time(run, size))
        return min(times) / size  # what else runs on the machine makes the others longer

    def _time(self, run: Callable[..., None], size: int) -> float:
        height, width, channels = self._shape
        images = torch.rand(size, channels, height, width, device=self.device)
        images = images.contiguous(memory_format=torch.channels_last)
        labels = torch.randint(self._classes, (size,), device=self.device)
        self._wait()
        started = time.perf_counter()
        run(images, labels)
        self._wait()
        return time.perf_counter() - started

    def _wait(self) -> None:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)


def timed(probe: Probe, networks: Mapping[str, Any]) -> Iterator[tuple[str, Pace]]:
    """The pace of each network; those that cannot be built or run are left out."""
    for key, about in networks.items():
        try:
            yield key, probe.pace(about)
        except (UserError, RuntimeError, ValueError):
            continue
