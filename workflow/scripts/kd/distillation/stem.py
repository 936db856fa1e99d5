"""What the first layers of a network put out, ahead of the blocks of its first stage."""

import torch
from torch import Tensor, nn

from kd.distillation.base import Shape


def stem_of(network: nn.Module) -> nn.Module | None:
    """The layers ahead of the blocks, in the networks whose first stage is both: see `residual_net`.

    None for others: a plain network has no such layers, and a library's stem has a resolution, so a stage, of
    its own.
    """
    first = next(iter(getattr(network, "stages", ())), None)
    # Layers of this project that are a Sequential too, such as ConvNorm, are classes of their own.
    parted = isinstance(first, nn.Sequential) and len(first) == 2 and type(first[1]) is nn.Sequential
    return first[0] if parted else None


class StemMaps:
    """Listens to the stem of a network; `shape` is that of its maps for images of the shape `image`."""

    def __init__(self, network: nn.Module, image: Shape) -> None:
        self._heard: dict[int, Tensor] = {}
        self._hook = stem_of(network).register_forward_hook(self._hear)
        was_training = network.training
        images = torch.zeros(1, *image, device=next(network.parameters()).device)
        with torch.no_grad():
            network.eval().forward_stages(images)
        network.train(was_training)
        self.shape: Shape = tuple(self().shape[1:])

    def _hear(self, stem: nn.Module, images: tuple[Tensor], maps: Tensor) -> None:
        self._heard[0] = maps

    def __call__(self) -> Tensor:
        """Of the network's latest run: (B, C, H, W) float32 or more."""
        maps = self._heard.pop(0)  # one that stayed would keep the whole graph of its step alive
        return maps.to(torch.promote_types(maps.dtype, torch.float32))

    def close(self) -> None:
        """Listen no longer."""
        self._hook.remove()
        self._heard.clear()
