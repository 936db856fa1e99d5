"""What a network's stages are before the ReLU that closes or follows them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from kd.distillation.base import Shape
from kd.distillation.inside import blank, stages_once

NORMS = (_BatchNorm, nn.GroupNorm)


@dataclass
class _Run:
    """What ReLUs and norms met in a run of a network: the very tensors, so that they can be recognised."""

    before: dict[nn.ReLU, Tensor] = field(default_factory=dict)  # by each ReLU, the last time
    after: dict[nn.ReLU, Tensor] = field(default_factory=dict)
    norms: list[tuple[Tensor, Tensor]] = field(default_factory=list)  # input and output

    def note(self, module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        if isinstance(module, nn.ReLU):
            self.before[module], self.after[module] = inputs[0], output
        else:
            self.norms.append((inputs[0], output))

    def relu_of(self, stage: Tensor) -> nn.ReLU | None:
        """That which puts these maps out; else that behind the norm which takes them."""
        for relu, output in self.after.items():
            if output is stage:
                return relu
        normed = [output for maps, output in self.norms if maps is stage]
        for relu in self.before:
            # A norm of timm has its ReLU inside, and then puts out what that does.
            if any(self.before[relu] is output or self.after[relu] is output for output in normed):
                return relu
        return None


def stage_relus(network: nn.Module, image: Shape) -> list[nn.ReLU | None]:
    """Of each stage, the ReLU ahead of which its maps can be heard.

    That is the ReLU that closes it. Where a stage ends with an addition or a concatenation (pre-activation
    ResNets, the first two stages of a WRN, DenseNet), it is that behind the norm which opens the next stage.
    None for a stage that ends otherwise, as with a pooling or another activation.
    Recognised in a run on an image (C, H, W), so that the names and the nesting of layers do not matter.
    """
    run, hooks = _Run(), []
    relus = {module: module.inplace for module in network.modules() if isinstance(module, nn.ReLU)}
    for module in network.modules():
        if isinstance(module, (nn.ReLU, *NORMS)):
            hooks.append(module.register_forward_hook(run.note))
    for relu in relus:
        relu.inplace = False  # else what it takes and what it puts out are one tensor
    stages = stages_once(network, blank(network, image))
    for hook in hooks:
        hook.remove()
    for relu, inplace in relus.items():
        relu.inplace = inplace
    return [run.relu_of(stage) for stage in stages]


def never_negative(network: nn.Module, image: Shape) -> list[bool]:
    """Of each stage, whether its maps are of no negative numbers, as after a ReLU: for four random images."""
    images = torch.randn(4, *image, generator=torch.Generator().manual_seed(0))
    stages = stages_once(network, images.to(next(network.parameters())))
    return [bool(stage.min() >= 0) for stage in stages]


class BeforeReLU:
    """Listens to a network, and gives the maps that its stages had before a ReLU: see `stage_relus`.

    Of a stage without one, the maps as it puts them out. No layer runs again for it, so a norm of the next
    stage counts a batch once in its statistics.
    """

    def __init__(self, network: nn.Module, image: Shape) -> None:
        self._heard: dict[int, Tensor] = {}
        self._hooks = []
        for number, relu in enumerate(stage_relus(network, image)):
            if relu:
                relu.inplace = False  # else it would overwrite what is listened to
                self._hooks.append(relu.register_forward_pre_hook(partial(self._hear, number)))

    def _hear(self, number: int, relu: nn.Module, maps: tuple[Tensor]) -> None:
        self._heard[number] = maps[0]  # a block may use its ReLU twice: the last time counts

    def close(self) -> None:
        """Listen no longer."""
        while self._hooks:
            self._hooks.pop().remove()
        self._heard.clear()

    def __call__(self, stages: Sequence[Tensor]) -> list[Tensor]:
        """Of the network's latest run, whose stages put out `stages`: the same shapes, float32 or more."""
        # Taken out: a map that stayed would keep the whole graph of its step, and that step's stream, alive.
        heard = [self._heard.pop(number, stage) for number, stage in enumerate(stages)]
        return [maps.to(torch.promote_types(maps.dtype, torch.float32)) for maps in heard]
