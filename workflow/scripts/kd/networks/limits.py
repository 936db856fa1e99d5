"""Refuses what cannot be trained here: before it is begun or, where only trying shows it, after."""

from collections.abc import Callable

import torch
from torch import nn

from kd.errors import UserError
from kd.networks.size import count_parameters
from kd.runtime.device import device_name, is_out_of_memory, total_memory

COPIES = 4  # of the weights, in a training: themselves, gradients, momentum, those of the epoch selected


def check_memory(build: Callable[[], nn.Module], device: torch.device) -> None:
    """UserError if the weights alone, as often as a training has them, are more than the device can hold.

    A network that is far too large is otherwise ended by the kernel without a word.
    """
    try:
        with torch.device("meta"):  # shapes without memory
            parameters = count_parameters(build())
    except NotImplementedError:  # some networks of libraries compute their widths with tensors
        return
    needed, there = 4 * COPIES * parameters, total_memory(device)
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
    except (RuntimeError, ValueError, AssertionError) as error:
        if isinstance(error, RuntimeError) and is_out_of_memory(error):
            raise
        size = f"{image[1]}x{image[2]}"
        raise UserError(
            f"{name} cannot take images of {size} pixels ({str(error).splitlines()[0]}); give it a larger"
            " input_size, if it has that option"
        ) from error
    finally:
        network.train(was_training)
