"""Networks that cut images into tokens: where their stages are, and how tokens become maps.

timm's `forward_intermediates` and torchvision's `create_feature_extractor` give the same tensors, which the
tests compare. Here a hook hears them in the network's own forward pass, so that the logits are those of any
other run, and a family needs no line of its own.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile
from math import isqrt

import torch
from torch import Tensor, nn

from kd.models.libraries.trace import HALVED, OF_A_HEAD, Call, last_layer, side_of, units

# Of twelve blocks, after which a stage ends: those of Hao et al. 2023 (arXiv:2310.19444), which are Swin-T's.
ENDS, BLOCKS = (2, 4, 10, 12), 12
MOST = 16  # tokens beside the image's
WIDEST = 2**20  # pixels a side, more than there are
PARAMETERS = {"cls_token": "class", "class_token": "class", "dist_token": "distillation"}
HEADS = "class", "distillation"  # of two, in order


@dataclass(frozen=True)
class Stage:
    """A module that puts tokens (B, extra + H·W, C) out: `extra` of its own, then those of the image."""

    call: Call
    extra: int

    @property
    def side(self) -> int:
        """Of the grid of a square image."""
        return isqrt(self.call.result[1] - self.extra)


def find_token_stages(root: Call) -> list["Call | Stage"]:
    """The calls that put out the last maps or tokens of each resolution, in order.

    Where all tokens are of one resolution, as in a ViT or a mixer, its blocks are cut into four stages. None
    where the last tokens have no grid that could be known.
    """
    last = last_layer(root)
    calls = list(takewhile(lambda call: call is not last and last not in call.leaves(), units(root, _grid)))
    names = [call.name for call in calls]
    stages: list[Call | Stage] = []
    for call in calls:
        stage = _stage(call, _side(stages))
        if stage is None or names.count(call.name) > 1:
            continue
        side, before = _side([stage]), _side(stages)
        if stages and side < before * HALVED and side * HALVED > before:
            stages.pop()
        if not stages or side < _side(stages) * HALVED:
            stages.append(stage)
    if not stages or not isinstance(stages[-1], Stage):
        return []
    return _of_one_resolution(root, stages) or stages


def _grid(shape: tuple[int, ...]) -> int:
    """The side of maps, or roughly that of tokens (1, H·W, C)."""
    if not shape:  # several tensors, which are not looked into
        return WIDEST
    return isqrt(shape[1]) if len(shape) == 3 and shape[0] == 1 else side_of(shape)


def _side(stages: Sequence["Call | Stage"]) -> int:
    """Of the last of them; 0 where there is none."""
    if not stages:
        return 0
    return stages[-1].side if isinstance(stages[-1], Stage) else side_of(stages[-1].result)


def _stage(call: Call, before: int) -> "Call | Stage | None":
    """What puts out maps, or tokens on a grid, after a stage of side `before`."""
    shape = call.result
    if len(shape) == 4:
        return call if side_of(shape) > 1 and not isinstance(call.module, OF_A_HEAD) else None
    if len(shape) != 3 or shape[0] != 1:
        return None
    extra = shape[1] - before**2
    extra = extra if 0 <= extra <= MOST else shape[1] - isqrt(shape[1]) ** 2
    stage = Stage(call, extra)
    # One token after larger maps is the class token alone.
    return stage if stage.side > 0 and (stage.side > 1 or before <= 1) and extra <= MOST else None


def _of_one_resolution(root: Call, stages: list["Call | Stage"]) -> list[Stage]:
    """The stages of a network that first cuts the image, by a stem or one layer, and then keeps the grid.

    None for others, and for less than three blocks.
    """
    *stem, last = stages
    if (
        any(isinstance(stage, Stage) for stage in stem)
        or len({stage.name.split(".")[0] for stage in stem}) > 1
    ):
        return []
    blocks = _blocks(root, last.side)
    count = len(blocks)
    ends = range(1, count + 1) if count <= len(ENDS) else [round(count * end / BLOCKS) for end in ENDS]
    return [*(blocks[end - 1] for end in list(ends)[:-1]), last] if count > 2 else []


def _blocks(root: Call, side: int) -> list[Stage]:
    """The outermost modules that are repeated: most of one class, which take tokens and put a grid out."""
    level = [root]
    while level:
        for call in level:
            kinds = defaultdict(list)
            for inner in call.inner:
                block = _stage(inner, side) if inner.inner and len(inner.source) == 3 else None
                if isinstance(block, Stage) and block.side == side:
                    kinds[type(inner.module)].append(block)
            most = max(kinds.values(), key=len, default=[])
            if len(most) > 1:
                return most
        level = [inner for call in level for inner in call.inner]
    return []


def find_heads(root: Call) -> list[str]:
    """The layers that put logits out, by name: the last, or that of the class token and that of the other."""
    heads = [call.name for call in root.leaves() if call.result == root.result]
    return heads[-2:] if "dist" in "".join(heads[-1:]) else [last_layer(root).name]


def token_names(network: nn.Module, extra: int) -> list[str]:
    """What the first of `extra` tokens are called, by the parameters that they begin as; others have none."""
    there = [name.rpartition(".")[2] for name, _ in network.named_parameters()]
    return [called for name, called in PARAMETERS.items() if name in there][:extra]


def as_maps(tokens: Tensor, extra: int, image: tuple[int, int]) -> Tensor:
    """Tokens (B, extra + H·W, C) of images of this height and width, as maps (B, C, H, W)."""
    # Plain numbers also where a network is exported by tracing, which makes tensors of sizes.
    count, height, width = map(int, (tokens.shape[1] - extra, *image))
    rows = round((count * height / width) ** 0.5)
    return tokens[:, extra:].transpose(1, 2).unflatten(2, (rows, count // rows))


def as_tokens(maps: Tensor) -> Tensor:
    """A copy of maps (B, C, H, W) as tokens (B, H·W, C), none of which are others than the image's."""
    return maps.flatten(2).transpose(1, 2).clone(memory_format=torch.contiguous_format)
