"""Two networks written out in plain tensor code, with weights and images that are the same everywhere.

`parity_steps.py` works out with them what a training step is to be; nothing of kd computes anything here.
"""

import zlib
from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional

IMAGES, LABELS = (8, 3, 16, 16), torch.tensor([0, 3, 6, 9, 2, 5, 8, 1])
CLASSES = 10


@dataclass
class Maps:
    """What a network computes of a batch."""

    stem: torch.Tensor
    before: list[torch.Tensor]  # of each stage before the ReLU, or behind the norm of the next block
    after: list[torch.Tensor]  # of each stage as it ends
    logits: torch.Tensor
    last_sum: torch.Tensor  # of the last stage, ahead of a norm that closes it

    @property
    def features(self):
        return self.after[-1].mean((2, 3))


def drawn(name, shape):
    """Standard normal numbers (float64) that depend on the name and the shape alone."""
    return torch.from_numpy(np.random.default_rng(zlib.crc32(name.encode())).normal(size=tuple(shape)))


def weights_for(shapes, role):
    """A value for each tensor of a state dict, from its name and shape; norms do not begin as 1 and 0."""
    values = {}
    for name, shape in shapes.items():
        normal = drawn(f"{role} {name}", shape)
        if name.endswith("running_var"):
            values[name] = 0.5 + normal.abs()
        elif name.endswith("num_batches_tracked"):
            values[name] = torch.zeros((), dtype=torch.int64)
        elif len(shape) > 1:
            values[name] = normal * (2 / np.prod(shape[1:])) ** 0.5
        elif name.endswith("weight"):
            values[name] = 1 + 0.3 * normal
        else:
            values[name] = 0.2 * normal
    return values


def images():
    return drawn("images", IMAGES)


def norm(w, name, x, train=True):
    """Batch norm by the batch (mean and biased variance), or by the running statistics."""
    if train:
        mean, variance = x.mean((0, 2, 3)), x.var((0, 2, 3), unbiased=False)
    else:
        mean, variance = w[f"{name}.running_mean"], w[f"{name}.running_var"]
    mean, variance, scale, shift = (
        part[:, None, None] for part in (mean, variance, w[f"{name}.weight"], w[f"{name}.bias"])
    )
    return (x - mean) / (variance + 1e-5).sqrt() * scale + shift


def conv(w, name, x, stride=1):
    kernel = w[f"{name}.weight"]
    return functional.conv2d(x, kernel, w.get(f"{name}.bias"), stride, kernel.shape[2] // 2)


def blocks_of(w, stage):
    """The prefixes of a stage's blocks: the first stage has the stem ahead of them."""
    prefix = "stages.0.1." if stage == 0 else f"stages.{stage}."
    numbers = {name.removeprefix(prefix).split(".")[0] for name in w if name.startswith(prefix)}
    return [f"{prefix}{n}" for n in sorted(numbers, key=int) if any(f"{prefix}{n}.residual" in k for k in w)]


def resnet(w, x, train, first=0):
    """He et al. 2015 for CIFAR, shortcuts of option B; from stage `first` on, for maps that enter it."""
    if not first:
        x = norm(w, "stages.0.0.1", conv(w, "stages.0.0.0", x), train).clamp(min=0)
    stem = x
    before, after = [], []
    for stage in range(first, 3):
        for number, block in enumerate(blocks_of(w, stage)):
            stride = 2 if stage and not number else 1
            y = norm(w, f"{block}.residual.0.1", conv(w, f"{block}.residual.0.0", x, stride), train)
            y = norm(w, f"{block}.residual.2", conv(w, f"{block}.residual.1", y.clamp(min=0)), train)
            if f"{block}.shortcut.0.weight" in w:
                x = norm(w, f"{block}.shortcut.1", conv(w, f"{block}.shortcut.0", x, stride), train)
            total = x + y
            x = total.clamp(min=0)
        before.append(total)
        after.append(x)
    return Maps(stem, before, after, _logits(w, x), x)


def wrn(w, x, train, first=0):
    """Zagoruyko & Komodakis 2016; the last stage ends with norm and ReLU. `first` as in `resnet`."""
    x = stem = x if first else conv(w, "stages.0.0", x)
    before, after = [], []
    for stage in range(first, 3):
        for number, block in enumerate(blocks_of(w, stage)):
            stride = 2 if stage and not number else 1
            active = norm(w, f"{block}.activate.0", x, train).clamp(min=0)
            if f"{block}.projection.weight" in w:
                x = conv(w, f"{block}.projection", active, stride)
            y = norm(w, f"{block}.residual.1", conv(w, f"{block}.residual.0", active, stride), train)
            x = x + conv(w, f"{block}.residual.3", y.clamp(min=0))
        if stage < 2:
            before.append(norm(w, f"stages.{stage + 1}.0.activate.0", x, train))
            after.append(x)
    before.append(norm(w, f"stages.2.{len(blocks_of(w, 2))}", x, train))
    after.append(before[-1].clamp(min=0))
    return Maps(stem, before, after, _logits(w, after[-1]), x)


def _logits(w, x):
    if len(x[0]) != w["classifier.weight"].shape[1]:
        return None  # a method has put layers between
    return x.mean((2, 3)) @ w["classifier.weight"].T + w["classifier.bias"]
