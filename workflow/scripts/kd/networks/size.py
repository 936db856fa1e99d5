"""The size of a network: its parameters and its multiply-accumulates."""

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode


def count_parameters(model: nn.Module) -> int:
    """Trainable and frozen parameters, without running statistics."""
    return sum(parameter.numel() for parameter in model.parameters())


def count_macs(model: nn.Module, image: Tensor) -> int:
    """Multiply-accumulates of convolutions and matrix products for one image (1, C, H, W)."""
    was_training = model.training
    model.eval()
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        model(image)
    model.train(was_training)
    return counter.get_total_flops() // 2  # it counts a multiplication and an addition as two


def size_of(model: nn.Module, image: Tensor) -> dict[str, int]:
    """Both, by their names in metrics."""
    return {"parameters": count_parameters(model), "macs": count_macs(model, image)}
