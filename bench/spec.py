"""What is measured: the settings of a run, and the orders of its workers, which travel as JSON."""

import sys
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

Loop = Literal["reference", "tuned", "ours", "cached", "live", "method", "targets", "rates"]


class Network(BaseModel):
    """An architecture and its options, under the name that results know it by."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    architecture: str
    options: dict[str, Any] = {}


class Setting(BaseModel):
    """What all measurements of a run have in common."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    device: Literal["cpu", "cuda"]
    threads: int
    repeats: int = 5
    images: int | None = None  # of a repetition; None: as many as suit the device and the network
    dataset: str | None = None  # a prepared data set instead of random images
    compile: Literal["auto", "always", "never"] = "auto"  # our loops, as in a config
    precision: Literal["auto", "fp32", "bf16"] = "auto"  # likewise


class Spec(BaseModel):
    """One worker: a loop over one network; with `teacher`, a student of it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    loop: Loop
    setting: Setting
    network: Network | None = None
    teacher: Network | None = None
    method: str | None = None
    images: int = 0  # of an epoch, which is a repetition
    batch: int = 0
    contiguous: bool = False  # not channels_last
    mixed: bool = False  # resized crops and mixup instead of padded crops
    repetitions: int = 1  # epochs that will be asked for, the one of warm-up included


def command(spec: Spec) -> list[str]:
    """The command line of the worker that does `spec`."""
    return [sys.executable, "-m", "bench.worker", spec.model_dump_json()]


# The networks of this project's studies. Names without options are architectures.
_OPTIONS = {
    "densenet": {"growth": 32},
    "mobilenet_quarter": {"width": 0.25},
    "resnet18_quarter": {"width": 0.25},
}


def network(name: str) -> Network:
    """The network that results call `name`."""
    return Network(name=name, architecture=name.removesuffix("_quarter"), options=_OPTIONS.get(name, {}))
