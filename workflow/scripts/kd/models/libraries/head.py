"""What stands behind the last maps of a network of a library, and what a method may put there instead."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from kd.models.libraries.trace import Call


class Head(nn.Module):
    """A stage more, the mean of each of its maps, dropout as the network had it, and a linear classifier."""

    def __init__(self, stage: nn.Module, classifier: nn.Linear, dropouts: list[float]) -> None:
        super().__init__()
        self.stage, self.classifier = stage, classifier
        self.dropout = nn.Sequential(*map(nn.Dropout, dropouts))

    def forward(self, maps: Tensor) -> tuple[Tensor, Tensor]:
        """(B, C, H, W) -> the stage's maps (B, D, h, w), and the logits (B, num_classes)."""
        maps = self.stage(maps)
        return maps, self.classifier(self.dropout(maps.mean(dim=(2, 3))))


class Nothing(nn.Module):
    """Puts out what it takes first: in the place of layers whose result is no longer used."""

    def forward(self, first: Tensor, *others: object, **more: object) -> Tensor:
        """Whatever else the layers took."""
        return first


def put(network: nn.Module, name: str, module: nn.Module) -> None:
    """Give `network` another module of this name."""
    parent, _, own = name.rpartition(".")
    setattr(network.get_submodule(parent), own, module)


def calls_after(call: Call, name: str) -> list[Call]:
    """The outermost calls inside `call` that begin when the module of this name is done, in order."""
    for number, inner in enumerate(call.inner):
        if inner.name == name or name.startswith(f"{inner.name}."):
            within = [] if inner.name == name else calls_after(inner, name)
            return [*within, *call.inner[number + 1 :]]
    return []


def with_weights(calls: list[Call]) -> list[str]:
    """The names of those modules that have weights."""
    return [call.name for call in calls if call.module.state_dict()]


def not_before(names: list[str], root: Call, behind: list[Call]) -> list[str]:
    """Those of `names` whose layers run in none but the calls `behind`."""
    late = set(map(id, leaves_of(behind)))
    early = [f"{leaf.name}." for leaf in root.leaves() if id(leaf) not in late]
    return [name for name in names if not any(leaf.startswith(f"{name}.") for leaf in early)]


def dropouts_of(calls: list[Call]) -> list[float]:
    """The rates of the dropouts of features (B, C) in these calls."""
    dropouts = [leaf for leaf in leaves_of(calls) if isinstance(leaf.module, nn.Dropout)]
    return [leaf.module.p for leaf in dropouts if leaf.module.p and len(leaf.result) == 2]


def leaves_of(calls: list[Call]) -> list[Call]:
    """The calls in them of modules that call no other, in order."""
    return [leaf for call in calls for leaf in (call.leaves() if call.inner else [call])]


@torch.no_grad()
def reads_means(
    network: nn.Module, stage: str, last: str, images: Tensor, as_maps: Callable[[Tensor], Tensor]
) -> bool:
    """Whether the layer `last` takes the means of what `stage` puts out, and puts the logits out.

    Random numbers go in the place of these maps, so that neither first weights nor maps that happen to be
    positive can hide another layer, or a ReLU, between. `as_maps` makes (B, C, H, W) of them. The network has
    to be in eval mode.
    """
    random, seen = torch.Generator().manual_seed(0), {}

    def replace(module: nn.Module, inputs: tuple, maps: Tensor) -> Tensor:
        seen["maps"] = torch.randn(maps.shape, generator=random).to(maps)
        return seen["maps"]

    def note(module: nn.Module, inputs: tuple, logits: Tensor) -> None:
        seen["read"], seen["logits"] = inputs[0], logits

    hooks = [
        network.get_submodule(stage).register_forward_hook(replace),
        network.get_submodule(last).register_forward_hook(note),
    ]
    try:
        logits = network(images)
    finally:
        for hook in hooks:
            hook.remove()
    means = as_maps(seen["maps"]).mean(dim=(2, 3))
    return (
        seen["read"].shape == means.shape
        and torch.allclose(seen["read"], means, rtol=1e-3, atol=1e-5)
        and torch.equal(seen["logits"], logits)
    )
