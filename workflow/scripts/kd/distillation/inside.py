"""What a network puts out inside: its stages in a run of their own, its stem, and any layer in every run."""

import torch
from torch import Tensor, nn

Image = tuple[int, int, int]  # channels, height, width


def stages_once(network: nn.Module, images: Tensor) -> list[Tensor]:
    """Every stage's maps (B, C_i, H_i, W_i) of `images` (B, C, H, W) in eval mode, without gradients.

    The network is then in the mode that it was in.
    """
    was_training = network.training
    with torch.no_grad():
        stages, _ = network.eval().forward_stages(images)
    network.train(was_training)
    return stages


def blank(network: nn.Module, image: Image) -> Tensor:
    """One black image (1, C, H, W) float32 where the network is."""
    return torch.zeros(1, *image, device=next(network.parameters()).device)


class Listener:
    """Keeps what a layer puts out in the network's latest run, until it is asked for."""

    def __init__(self, layer: nn.Module) -> None:
        self._heard: dict[int, Tensor] = {}
        self._hook = layer.register_forward_hook(self._hear)

    def _hear(self, layer: nn.Module, inputs: tuple[Tensor], maps: Tensor) -> None:
        self._heard[0] = maps

    @property
    def heard(self) -> bool:
        """Whether the layer has run since it was last asked for."""
        return bool(self._heard)

    def __call__(self) -> Tensor:
        """What it put out: (B, C, H, W) float32 or more."""
        maps = self._heard.pop(0)  # one that stayed would keep the whole graph of its step alive
        return maps.to(torch.promote_types(maps.dtype, torch.float32))

    def close(self) -> None:
        """Listen no longer."""
        self._hook.remove()
        self._heard.clear()


def stem_of(network: nn.Module) -> nn.Module | None:
    """The layers ahead of the blocks, in the networks whose first stage is both: see `residual_net`.

    None for others: a plain network has no such layers, and a library's stem has a resolution, so a stage, of
    its own.
    """
    first = next(iter(getattr(network, "stages", ())), None)
    # Layers of this project that are a Sequential too, such as ConvNorm, are classes of their own.
    parted = isinstance(first, nn.Sequential) and len(first) == 2 and type(first[1]) is nn.Sequential
    return first[0] if parted else None


class StemMaps(Listener):
    """Listens to the stem of a network; `shape` is that of its maps for images of the shape `image`."""

    def __init__(self, network: nn.Module, image: Image) -> None:
        super().__init__(stem_of(network))
        stages_once(network, blank(network, image))
        self.shape: Image = tuple(self().shape[1:])
