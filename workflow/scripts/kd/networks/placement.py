"""A network is moved to the device that it runs on."""

import torch
from torch import Tensor, nn
from torch.nn import functional

NARROW = 16  # channels; oneDNN goes through them 8 or 16 at a time


class _Sliced(nn.Conv2d):
    """A 1×1 convolution with a stride, as one without on the pixels that the stride leaves."""

    def forward(self, input: Tensor) -> Tensor:
        rows, columns = self.stride
        return functional.conv2d(input[:, :, ::rows, ::columns], self.weight, self.bias, groups=self.groups)


class _Depthwise(nn.Conv2d):
    """A depthwise convolution, which under autocast on a CPU is as without."""

    def forward(self, input: Tensor) -> Tensor:
        if not torch.is_autocast_enabled("cpu"):
            return super().forward(input)
        with torch.autocast("cpu", enabled=False):
            return super().forward(input.to(self.weight.dtype))


def place(network: nn.Module, device: torch.device) -> nn.Module:
    """Move `network` to `device`, its weights channels last, and return it.

    On CPUs the backward pass of PyTorch 2.15 writes beyond its memory in a 1×1 convolution with a stride and
    fewer channels than a register holds, if anything lies channels last; the process then dies by SIGSEGV or
    SIGABRT, or computes with wrong numbers. Such convolutions are computed as what they are equal to.
    Depthwise convolutions are kept out of autocast there: in bf16 they take several times as long.
    """
    if device.type == "cpu":
        for module in network.modules():
            if type(module) is nn.Conv2d and _is_unsafe(module):
                module.__class__ = _Sliced
            elif type(module) is nn.Conv2d and module.groups == module.in_channels > 1:
                module.__class__ = _Depthwise
    return network.to(device=device, memory_format=torch.channels_last)


def _is_unsafe(layer: nn.Conv2d) -> bool:
    plain = layer.kernel_size == (1, 1) and layer.padding in ((0, 0), "valid")
    return plain and max(layer.stride) > 1 and layer.in_channels < NARROW
