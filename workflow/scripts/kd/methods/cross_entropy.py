"""Plain supervised training: what teachers, and students alone, are trained with."""

from torch import Tensor
from torch.nn import functional


class Method:
    """Cross-entropy with the true labels; no teacher."""

    NEEDS = ()

    def describe(self) -> str:
        """The loss as the table names it."""
        return "CE"

    def losses(self, student: Tensor, teacher: None, labels: Tensor) -> dict[str, Tensor]:
        """Loss terms whose sum is minimised: student (B, C) float logits, labels (B,) int64."""
        return {"ce": functional.cross_entropy(student, labels)}
