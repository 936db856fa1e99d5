"""The similarity of the feature maps of two networks: linear CKA."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from kd.data.views import ViewedImages
from kd.evaluation.inference import largest_batch

IMAGES = 1000  # of the test split, spread evenly over it
PLACES = 8  # a side; larger maps are averaged down to so many, or the first stages would fill the memory


def similarities(teacher: Sequence[Tensor], student: Sequence[Tensor]) -> dict[str, Any] | None:
    """CKA of the feature maps of every stage of a teacher (rows) and of a student, of their Gram matrices.

    Kornblith et al. 2019 (arXiv:1905.00414), equation 4 with linear kernels: ‖YᵀX‖² / (‖XᵀX‖·‖YᵀY‖) in
    Frobenius norms, with the columns of the features X and Y centred: 0 to 1, and 1 up to rotation and scale.
    None of maps that are the same for all samples, and instead of all where one of the networks has none.
    """
    if not (teacher and student):
        return None
    values = [[_alignment(above, below) for below in student] for above in teacher]
    return {"teacher_stages": len(teacher), "student_stages": len(student), "values": values}


def stage_grams(network: nn.Module, images: ViewedImages) -> list[Tensor]:
    """A Gram matrix (N, N) float64 for each stage, on some of the un-augmented images.

    None where the network has no feature maps, as an ensemble or a network of tokens. They are flattened, as
    in the paper: positions count, which means over them would hide.
    """
    if not hasattr(network, "forward_stages"):
        return []
    chosen = np.linspace(0, images.samples - 1, min(IMAGES, images.samples)).round().astype(np.int64)
    samples = torch.from_numpy(chosen).to(images.device)
    parts: list[list[Tensor]] = []
    with torch.inference_mode():
        for batch in samples.split(largest_batch(network, images, samples.device)):
            stages, _ = network.forward_stages(images.take(batch, images.plain))
            parts.append([_features(maps) for maps in stages])
    return [_gram(torch.cat(stage)) for stage in zip(*parts, strict=True)]


def _features(maps: Tensor) -> Tensor:
    """Maps (B, C, H, W) as (B, P) float32 on the CPU."""
    if max(maps.shape[2:]) > PLACES:
        maps = functional.adaptive_avg_pool2d(maps, [min(side, PLACES) for side in maps.shape[2:]])
    return maps.float().flatten(1).cpu()


def _gram(features: Tensor) -> Tensor:
    """XXᵀ with the columns of X centred: (N, N) float64, whose inner products are those of the paper."""
    centred = features - features.mean(0)
    return (centred @ centred.T).double()


def _alignment(first: Tensor, second: Tensor) -> float | None:
    """⟨K, L⟩ / (‖K‖·‖L‖), which is the formula above, for ⟨XXᵀ, YYᵀ⟩ = ‖YᵀX‖²; None of 0 / 0."""
    value = float((first * second).sum() / (first.norm() * second.norm()))
    return None if np.isnan(value) else round(value, 6)
