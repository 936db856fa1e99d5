"""What each architecture does on this GPU: eager and replayed steps, memory, equal bits, targets.

A line of JSON each. `PYTHONPATH=workflow/scripts python bench/gpu/probe.py OUT.jsonl`
"""

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from kd.data.augmentation import Augmentation
from kd.data.loader import Loader
from kd.data.views import Split, ViewedImages
from kd.distillation.combined import build_method
from kd.evaluation.inference import logits_of
from kd.networks.factory import build_network
from kd.runtime.device import device_name, set_up_device
from kd.runtime.speed import Speed
from kd.settings.compute import Compute
from kd.settings.recipe import Recipe
from kd.training.cuda_graph import GraphedStep
from kd.training.step import Step

NETWORKS: dict[str, dict[str, Any]] = {
    "resnet18": {},
    "preact_resnet18": {},
    "vgg16": {},
    "mobilenet": {},
    "googlenet": {},
    "densenet": {"growth": 32},
    "cnn": {},
}
BATCH, FIRST, SECONDS = 128, 8, 1.5  # images, steps before any is timed, seconds of a timed loop


class Probe:
    """Measures networks on the random images of one device."""

    def __init__(self, device: torch.device, samples: int) -> None:
        self.device, self.cuda = device, device.type == "cuda"
        random = np.random.default_rng(0)
        pixels = torch.from_numpy(random.integers(0, 256, (samples, 32, 32, 3), dtype=np.uint8)).to(device)
        labels = torch.from_numpy(random.integers(0, 10, samples)).to(device)
        self.data = Split(ViewedImages(pixels, Augmentation(4, True), (0.5,) * 3, (0.25,) * 3), labels)

    def measure(self, name: str, compile: bool) -> dict[str, Any]:
        """The row of one network."""
        row = {"network": name, "device": device_name(self.device), "torch": torch.__version__}
        kinds = {"eager": Speed(bf16=self.cuda)}
        if self.cuda:
            kinds["graph"] = Speed(bf16=True, graph=True)
        weights = {}
        for kind, speed in kinds.items():
            network, facts = self._train(name, speed)
            row |= {f"{kind}_{fact}": value for fact, value in facts.items()}
            weights[kind] = network.state_dict()
        if len(weights) == 2:
            eager, graph = (weights[kind].values() for kind in ("eager", "graph"))
            row["same_bits"] = all(torch.equal(*pair) for pair in zip(eager, graph, strict=True))
        row["targets_images_per_second"] = self._targets(network)
        if compile:
            _, facts = self._train(name, Speed(bf16=self.cuda, graph=self.cuda, compile=True))
            row |= {f"compiled_{fact}": value for fact, value in facts.items()}
        return row

    def _train(self, name: str, speed: Speed) -> tuple[nn.Module, dict[str, Any]]:
        """A network after its first steps, and what these and more of them took."""
        torch.manual_seed(0)
        network = build_network(name, NETWORKS[name], 3, 10)
        network.to(device=self.device, memory_format=torch.channels_last).train()
        loader, recipe = Loader(self.data, BATCH, 0), Recipe(epochs=2, batch_size=BATCH, lr=0.01)
        step = Step(network, build_method("cross_entropy", {}).to(self.device), loader, recipe, None, speed)
        step = GraphedStep(step, loader) if speed.graph else step
        if self.cuda:
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats()
        facts = {"first_steps": self._steps(step, loader, 0, FIRST)}
        kept = {key: value.clone() for key, value in network.state_dict().items()}
        once = self._steps(step, loader, 1, 3) / 3
        count = max(3, min(len(self.data.labels) // BATCH, int(SECONDS / once)))
        facts["step"] = self._steps(step, loader, 2, count) / count
        facts["images_per_second"] = BATCH / facts["step"]
        facts |= {"gb": torch.cuda.max_memory_reserved() / 1e9} if self.cuda else {}
        facts |= {"recorded": step.recorded} if speed.graph else {}
        network.load_state_dict(kept)
        return network, facts

    def _steps(self, step: Step | GraphedStep, loader: Loader, epoch: int, count: int) -> float:
        batches = loader.epoch(epoch)
        step.start_epoch(epoch, 0.01)
        self._wait()
        started = time.perf_counter()
        for _, batch in zip(range(count), batches, strict=False):
            step(batch)
        self._wait()
        return time.perf_counter() - started

    def _targets(self, network: nn.Module) -> float:
        network.eval()
        samples = torch.arange(self.data.images.samples, device=self.device)
        for _ in range(2):  # the first chooses kernels
            self._wait()
            started = time.perf_counter()
            with Speed(bf16=self.cuda).autocast(self.device):
                for _ in logits_of(network, self.data.images, samples, 0):
                    pass
            self._wait()
        return len(samples) / (time.perf_counter() - started)

    def _wait(self) -> None:
        if self.cuda:
            torch.cuda.synchronize()


def main() -> None:
    """Measure one network after the other while there is time; what fails is a row with its error."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--seconds", type=float, default=80)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--images", type=int, default=8192)
    parser.add_argument("--networks", nargs="+", default=list(NETWORKS))
    parser.add_argument("--compile", nargs="*", default=[], help="networks that are compiled too")
    arguments = parser.parse_args()
    started = time.monotonic()
    probe = Probe(set_up_device(Compute(device=arguments.device, slots_per_device=64)), arguments.images)
    with open(arguments.out, "w") as file:
        for name in arguments.networks:
            if time.monotonic() - started > arguments.seconds:
                break
            try:
                row = probe.measure(name, name in arguments.compile)
            except Exception as error:  # the next network may do
                row = {"network": name, "error": f"{type(error).__name__}: {str(error)[:300]}"}
            print(json.dumps(row), file=file, flush=True)
            print({key: round(value, 5) if isinstance(value, float) else value for key, value in row.items()})


if __name__ == "__main__":
    main()
