"""Which feature maps of two networks are compared, and how maps of different shapes are made to fit."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from kd.distillation.base import Context, Shape
from kd.errors import UserError


def match_stages(student: Sequence[Shape], teacher: Sequence[Shape]) -> list[tuple[int, int]]:
    """Pairs of stage numbers (of the student, of the teacher), rising, that are compared with each other.

    Of every resolution that both networks have, the last stage of each; and the last stage of both, where
    neither is among those. Where all stages of one are of one resolution, as those of networks of tokens are,
    those of equal depth: the last of both, and so many before it as the shorter network has, spread evenly.
    """
    if _isotropic(student) or _isotropic(teacher):
        count = min(len(student), len(teacher))
        depths = [
            [-(-(k + 1) * len(shapes) // count) - 1 for shapes in (student, teacher)] for k in range(count)
        ]
        return [(one, other) for one, other in depths]
    ends = [{shape[1:]: index for index, shape in enumerate(shapes)} for shapes in (student, teacher)]
    pairs = [(index, ends[1][size]) for size, index in ends[0].items() if size in ends[1]]
    last = len(student) - 1, len(teacher) - 1
    if all(pair[0] != last[0] and pair[1] != last[1] for pair in pairs):
        pairs.append(last)
    return pairs


def _isotropic(shapes: Sequence[Shape]) -> bool:
    return len(shapes) > 2 and len({shape[1:] for shape in shapes}) == 1


def match_chain(context: Context) -> list[tuple[int, int]]:
    """The pairs of `match_stages`, for methods that relate each to the next; UserError for less than two."""
    pairs = match_stages(context.student_stages, context.teacher_stages)
    if len(pairs) < 2:
        raise UserError(
            "this method relates feature maps to the next ones, so both networks need two or more of the same"
            f" resolutions; the student has {_sizes(context.student_stages)}, the teacher"
            f" {_sizes(context.teacher_stages)}"
        )
    return pairs


def _sizes(shapes: Sequence[Shape]) -> str:
    return ", ".join(f"{height}x{width}" for _, height, width in shapes)


def pooled(stage: Tensor) -> Tensor:
    """The mean of each map: (B, C, H, W) -> (B, C)."""
    return stage.mean(dim=(2, 3))


def same_size(first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
    """Maps (B, C, H, W) and (B, D, h, w), the larger ones averaged down to the size of the smaller."""
    if first.shape[2:] == second.shape[2:]:
        return first, second
    size = tuple(min(sides) for sides in zip(first.shape[2:], second.shape[2:], strict=True))
    return resized(first, size), resized(second, size)


def unit(vectors: Tensor, dim: int, least: float = 1e-12) -> Tensor:
    """`vectors` divided by their length along `dim`; one not longer than `least` becomes zero.

    It then has no gradient either. Divided by a small number instead, as is usual, a dead map (ReLU leaves
    many) would get gradients of that number's inverse from the vectors that it is multiplied with.
    """
    length = torch.linalg.vector_norm(vectors, dim=dim, keepdim=True)
    alive = length > least
    return torch.where(alive, vectors / torch.where(alive, length, 1), 0)


def resized(maps: Tensor, size: Sequence[int]) -> Tensor:
    """Maps (B, C, H, W) at another height and width: averaged down, or repeated where they must grow.

    Adaptive pooling does all of that, but on a GPU its gradient adds in an order that is not fixed.
    """
    now, size = tuple(maps.shape[2:]), tuple(size)
    if now == size:
        return maps
    if all(side % other == 0 for side, other in zip(now, size, strict=True)):
        factors = [side // other for side, other in zip(now, size, strict=True)]
        return functional.avg_pool2d(maps, factors)
    if all(other % side == 0 for side, other in zip(now, size, strict=True)):
        return functional.interpolate(maps, size)
    return functional.adaptive_avg_pool2d(maps, size)


class Regressor(nn.Sequential):
    """1x1 convolution and batch norm from the channels of one stage to those of another; the size stays.

    Romero et al. 2015 (arXiv:1412.6550, section 2.2) regress so with a convolution; Tian et al. 2020
    (arXiv:1910.10699) add the norm.
    """

    def __init__(self, source: Shape, target: Shape) -> None:
        convolution = nn.Conv2d(source[0], target[0], 1, bias=False)
        super().__init__(convolution, nn.BatchNorm2d(target[0]))


def fit_channels(source: Shape, target: Shape) -> nn.Module:
    """Nothing for stages of equally many channels, else a regressor."""
    return nn.Identity() if source[0] == target[0] else Regressor(source, target)
