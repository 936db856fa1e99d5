"""What happens inside a network written elsewhere: which module is called when, and what it puts out.

Only shapes are computed, so this costs neither memory nor time worth mentioning, whatever the network.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import chain, takewhile
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call

HALVED = 1.5  # two sides are those of one stage if they differ by less: some layers cut a border off
JUMP = 2.5  # what shrinks a side by more than this is looked into: it is several stages at once
OF_A_HEAD = nn.AdaptiveAvgPool2d, nn.AdaptiveMaxPool2d  # which may make small maps larger


@dataclass(eq=False)
class Call:
    """One call of a module: its name in the network, the shapes of what it takes and puts out."""

    name: str
    module: nn.Module
    source: tuple[int, ...] = ()
    result: tuple[int, ...] = ()  # nothing where it is no single tensor
    inner: list["Call"] = field(default_factory=list)

    def leaves(self) -> Iterator["Call"]:
        """The calls of modules that call no other, in order."""
        for call in self.inner:
            yield from call.leaves() if call.inner else [call]


def trace(network: nn.Module, image: tuple[int, int, int]) -> Call:
    """The calls in `network` for one image (C, H, W), in eval mode; its mode is put back after.

    Raises whatever the network raises where it cannot take such an image.
    """
    root = Call("", network)
    path, hooks, was_training = [root], [], network.training
    for name, module in network.named_modules():
        if module is not network:
            hooks.append(module.register_forward_pre_hook(partial(_enter, path, name), with_kwargs=True))
            hooks.append(module.register_forward_hook(partial(_leave, path)))
    there = dict(chain(network.named_parameters(), network.named_buffers()))
    try:
        with torch.no_grad():
            shapes = {name: tensor.to("meta") for name, tensor in there.items()}
            output = functional_call(network.eval(), shapes, torch.zeros(1, *image, device="meta"))
    finally:
        network.train(was_training)
        for hook in hooks:
            hook.remove()
    root.source, root.result = (1, *image), _shape(output)
    return root


def _enter(path: list[Call], name: str, module: nn.Module, args: tuple, kwargs: dict) -> None:
    first = next(filter(_shape, (*args, *kwargs.values())), None)
    call = Call(name, module, _shape(first))
    path[-1].inner.append(call)
    path.append(call)


def _leave(path: list[Call], module: nn.Module, args: tuple, output: Any) -> None:
    path.pop().result = _shape(output)


def _shape(value: Any) -> tuple[int, ...]:
    return tuple(value.shape) if isinstance(value, Tensor) else ()


def channels_last(shape: tuple[int, ...]) -> bool:
    """Whether maps of a square image are (B, H, W, C), as some transformers have them."""
    return len(shape) == 4 and shape[1] == shape[2] != shape[3]


def side_of(shape: tuple[int, ...]) -> int:
    """The side of maps (B, C, H, W) or (B, H, W, C) of a square image; 1 for what are no maps."""
    if len(shape) != 4:
        return 1
    return shape[1] if channels_last(shape) else shape[2]


def find_stages(root: Call) -> list[Call]:
    """The calls that put out the last maps of each resolution, in order; none where tokens are classified.

    A block that halves the resolution belongs to the next stage with all that it is made of. What makes the
    logits is in no stage.
    """
    last = last_layer(root)
    calls = list(takewhile(lambda call: call is not last and last not in call.leaves(), units(root)))
    names = [call.name for call in calls]
    stages: list[Call] = []
    for call in calls:
        side = side_of(call.result)
        if len(call.result) == 3:
            stages = []  # (B, tokens, features): what the maps were cut into
        elif side > 1 and names.count(call.name) == 1 and not isinstance(call.module, OF_A_HEAD):
            before = side_of(stages[-1].result) if stages else 0
            if stages and side < before * HALVED and side * HALVED > before:
                stages.pop()
            if not stages or side < side_of(stages[-1].result) * HALVED:
                stages.append(call)
    return stages


def units(call: Call, side: Callable[[tuple[int, ...]], int] = side_of) -> Iterator[Call]:
    """The parts of a network in order, each so small that it halves the resolution once at most."""
    for inner in call.inner:
        if inner.inner and side(inner.source) > JUMP * side(inner.result):
            yield from units(inner, side)
        yield inner


def last_layer(root: Call) -> Call:
    """The last layer with weights: what makes the logits."""
    return [call for call in root.leaves() if any(True for _ in call.module.parameters(recurse=False))][-1]


def first_convolution(root: Call) -> Call | None:
    """The convolution that the image meets first."""
    return next((call for call in root.leaves() if isinstance(call.module, nn.Conv2d)), None)
