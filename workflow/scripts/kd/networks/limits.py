"""What cannot be trained here, said before it is begun or, where only trying can tell, in one line after."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import nn

from kd.errors import UserError
from kd.evaluation.metrics import count_parameters
from kd.runtime.device import device_name

COPIES = 4  # of the weights, in a training: themselves, gradients, momentum, those of the epoch selected
_NO_MEMORY = ("can't allocate memory", "out of memory")  # what the CPU's allocator and MPS's say


def check_batch(batch_size: int, samples: int) -> None:
    """UserError if a batch would be larger than the training split."""
    if batch_size > samples:
        raise UserError(
            f"batch_size: {batch_size} is more than the {samples} training images; at most {samples} is"
            " allowed (in recipe, or for this network alone)"
        )


def check_memory(build: Callable[[], nn.Module], device: torch.device) -> None:
    """UserError if the weights alone, as often as a training has them, are more than the device can hold.

    A network that is far too large is otherwise ended by the kernel without a word.
    """
    try:
        with torch.device("meta"):  # shapes without memory
            parameters = count_parameters(build())
    except NotImplementedError:  # some networks of libraries compute their widths with tensors
        return
    needed, there = 4 * COPIES * parameters, _total_memory(device)
    if needed > there:
        raise UserError(
            f"it has {parameters:,} parameters, and training it takes {needed / 1e9:.1f} GB at least;"
            f" {device_name(device)} has {there / 1e9:.1f} GB; make it smaller (width or depth)"
        )


def check_image(network: nn.Module, name: str, image: tuple[int, int, int], device: torch.device) -> None:
    """UserError if the network, called `name`, cannot take images (C, H, W): they are too small for it."""
    was_training = network.training
    try:
        with torch.inference_mode():
            network.eval()(torch.zeros(1, *image, device=device))
    except torch.OutOfMemoryError:
        raise
    except (RuntimeError, ValueError, AssertionError) as error:
        size = f"{image[1]}x{image[2]}"
        raise UserError(
            f"{name} cannot take images of {size} pixels ({str(error).splitlines()[0]}); give it a larger"
            " input_size, if it has that option"
        ) from error
    finally:
        network.train(was_training)


@contextmanager
def memory_explained(device: torch.device) -> Iterator[None]:
    """Turn the device's running out of memory into a UserError that says what to do."""
    try:
        yield
    except RuntimeError as error:  # torch.OutOfMemoryError is one
        said = str(error).splitlines()[0] if str(error) else ""
        if not isinstance(error, torch.OutOfMemoryError) and not any(text in said for text in _NO_MEMORY):
            raise
        raise UserError(
            f"the memory of {device_name(device)} is too small ({said}); lower batch_size or the network's"
            " width, or let fewer jobs share the device (compute.slots_per_device, --cores)"
        ) from error


def _total_memory(device: torch.device) -> int:
    """Bytes of the device; of a CPU, what this process's control groups leave of it."""
    if device.type == "cuda":
        return torch.cuda.get_device_properties(device).total_memory
    limits = [os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")]
    for group in _control_groups():
        text = (group / "memory.max").read_text() if (group / "memory.max").exists() else "max"
        limits += [int(text)] if text.strip().isdecimal() else []
    return min(limits)


def _control_groups() -> list[Path]:
    """The folder of this process's control group (version 2), as a scheduler makes one, and those above."""
    own = Path("/proc/self/cgroup")
    lines = own.read_text().splitlines() if own.exists() else []
    folders = [Path("/sys/fs/cgroup") / line[3:].strip("/") for line in lines if line.startswith("0::")]
    return [place for folder in folders for place in (folder, *folder.parents)]
