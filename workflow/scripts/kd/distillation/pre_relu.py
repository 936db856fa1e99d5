"""What a network's stages are before the ReLU that closes them."""

from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor, nn

from kd.distillation.base import Shape


def closing_relu(stage: nn.Module) -> nn.ReLU | None:
    """The ReLU that a stage ends with: its last layer, or the `relu` of its last block.

    None for a stage that ends otherwise: with an addition or a concatenation (pre-activation ResNets,
    DenseNet), or with a pooling.
    """
    while isinstance(stage, nn.Sequential) and len(stage):
        stage = stage[-1]
    last = getattr(stage, "relu", stage)
    return last if isinstance(last, nn.ReLU) else None


def never_negative(network: nn.Module, image: Shape) -> list[bool]:
    """Of each stage, whether its maps are of no negative numbers, as after a ReLU: for four random images."""
    was_training, parameter = network.training, next(network.parameters())
    images = torch.randn(4, *image, generator=torch.Generator().manual_seed(0)).to(parameter)
    with torch.no_grad():
        stages, _ = network.eval().forward_stages(images)
    network.train(was_training)
    return [bool(stage.min() >= 0) for stage in stages]


class BeforeReLU:
    """Listens to a network, and gives the maps that its stages had before their closing ReLUs.

    Of a stage without one, the maps as it puts them out.
    """

    def __init__(self, network: nn.Module) -> None:
        self._heard: dict[int, Tensor] = {}
        for number, stage in enumerate(network.stages):
            if relu := closing_relu(stage):
                relu.inplace = False  # else it would overwrite what is listened to
                relu.register_forward_pre_hook(partial(self._hear, number))

    def _hear(self, number: int, relu: nn.Module, maps: tuple[Tensor]) -> None:
        self._heard[number] = maps[0]  # a block may use its ReLU twice: the last time counts

    def __call__(self, stages: Sequence[Tensor]) -> list[Tensor]:
        """Of the network's latest run, whose stages put out `stages`: the same shapes, float32."""
        # Taken out: a map that stayed would keep the whole graph of its step, and that step's stream, alive.
        return [self._heard.pop(number, stage).float() for number, stage in enumerate(stages)]
