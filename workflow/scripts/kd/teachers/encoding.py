"""What is stored of a teacher's logits for one image: all of them, or the largest and a summary of the rest.

Of the rest, a loss at temperature T needs its share of the probability: the logarithm of the mean of exp(z /
T) over these classes. It is stored for a few temperatures and interpolated between them. When it is read,
each class of the rest gets the one logit that has that share at the temperature of the method: so the k
largest probabilities are right, and the others are right in sum.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from kd.errors import UserError

TEMPERATURES = (1.0, 2.0, 4.0, 8.0, math.inf)  # at which the rest is summed up; at the last, by its mean


@dataclass(frozen=True)
class Encoding:
    """How the logits (B, classes) of B images are stored: float16, all or the `top_k` largest of each.

    Its arrays, by name: "values" (B, k) float16; and, with `top_k`, "labels" (B, k), whose they are, uint8,
    int16 or int32, and "rest" (B, 5) float16, one for each of TEMPERATURES: T · log mean exp(z / T) over
    other classes.
    """

    classes: int
    top_k: int | None = None

    def __post_init__(self) -> None:
        if self.top_k is not None and self.top_k >= self.classes:
            raise UserError(
                f"targets.top_k: {self.top_k} is not below the {self.classes} classes of the data set"
            )

    @property
    def fields(self) -> dict[str, tuple[int, torch.dtype]]:
        """Each array's numbers per image, and their type."""
        if self.top_k is None:
            return {"values": (self.classes, torch.float16)}
        kinds = (torch.uint8, torch.int16, torch.int32)
        numbers = next(kind for kind in kinds if self.classes <= torch.iinfo(kind).max + 1)
        sums = len(TEMPERATURES), torch.float16
        return {"values": (self.top_k, torch.float16), "labels": (self.top_k, numbers), "rest": sums}

    @property
    def bytes(self) -> int:
        """Of one image."""
        return sum(count * kind.itemsize for count, kind in self.fields.values())

    def empty(self, samples: int, **where: Any) -> dict[str, Tensor]:
        """The arrays of so many images, in memory of the kind that `where` asks torch.empty for."""
        return {
            name: torch.empty(samples, count, dtype=kind, **where)
            for name, (count, kind) in self.fields.items()
        }

    def encode(self, logits: Tensor) -> dict[str, Tensor]:
        """The arrays of logits (B, classes) of a floating type, on their device.

        What float16 cannot hold becomes infinite.
        """
        if self.top_k is None:
            return {"values": logits.half()}
        values, labels = logits.float().topk(self.top_k, dim=1)
        others = logits.float().scatter(1, labels, -math.inf)
        count = self.classes - self.top_k
        rest = [
            temperature * ((others / temperature).logsumexp(1) - math.log(count))
            for temperature in TEMPERATURES[:-1]
        ]
        rest.append(others.scatter(1, labels, 0.0).sum(1) / count)
        labels = labels.to(self.fields["labels"][1])
        return {"values": values.half(), "labels": labels, "rest": torch.stack(rest, dim=1).half()}

    def decode(self, arrays: Mapping[str, Tensor], temperature: float = 1.0) -> Tensor:
        """Logits (B, classes) float32 of the arrays of B images; of the rest, for a loss at `temperature`."""
        values = arrays["values"].float()
        if self.top_k is None:
            return values
        # Numbers and not a tensor of weights, which would have to be sent to the device in every step.
        parts = [
            count * arrays["rest"][:, place].float()
            for place, count in enumerate(shares(temperature))
            if count
        ]
        rest = parts[0] if len(parts) == 1 else parts[0] + parts[1]
        return rest[:, None].repeat(1, self.classes).scatter(1, arrays["labels"].long(), values)


def shares(temperature: float) -> Sequence[float]:
    """What each of TEMPERATURES counts for `temperature`: linear in 1 / T between its neighbours.

    T · log mean exp(z / T) is the mean plus half the variance times 1 / T, to second order in 1 / T. Below
    the lowest temperature, where the rest has next to no probability, the lowest counts.
    """
    inverse = [1 / known for known in TEMPERATURES]  # falling
    wanted = min(1 / temperature, inverse[0])
    right = next(place for place, known in enumerate(inverse) if known <= wanted)
    counts = [0.0] * len(inverse)
    if inverse[right] == wanted:
        counts[right] = 1.0
    else:
        part = (wanted - inverse[right]) / (inverse[right - 1] - inverse[right])
        counts[right - 1], counts[right] = part, 1 - part
    return counts
