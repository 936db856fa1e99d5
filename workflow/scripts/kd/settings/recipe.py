"""How one network is trained: the optimiser and its schedule."""

import math
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from kd.settings.types import BatchSize, Count, Momentum, NonNegative, Positive

# What a network with pretrained weights takes where neither it nor the study sets a key: weights that were
# trained already need few epochs, and a learning rate that does not undo them.
FINE_TUNING = {"epochs": 30, "batch_size": 32, "lr": 0.01, "weight_decay": 1e-4}


def _by_another_name(schedule: Any) -> Any:
    """PyTorch and many papers call it a step schedule."""
    return "multi_step" if schedule in ("step", "multistep") else schedule


Schedule = Annotated[
    Literal["cosine", "multi_step", "constant"],
    BeforeValidator(
        _by_another_name, json_schema_input_type=Literal["cosine", "multi_step", "step", "constant"]
    ),
]


class Recipe(BaseModel):
    """SGD with momentum. The defaults are those of pytorch-cifar, for its architectures."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    epochs: Count = Field(200, description="passes over the training images")
    batch_size: BatchSize = Field(128, description="images per step (batch norm needs two)")
    lr: Positive = Field(0.1, description="learning rate of the first epoch")
    momentum: Momentum = Field(0.9, description="momentum of SGD")
    weight_decay: NonNegative = Field(5e-4, description="L2 penalty, on every parameter")
    nesterov: bool = Field(False, description="Nesterov's form of momentum")
    schedule: Schedule = Field("cosine", description="how the learning rate falls, epoch by epoch")
    milestones: tuple[Count, ...] = Field(
        (), description="multi_step only: after how many epochs the learning rate falls"
    )
    gamma: Positive = Field(0.1, description="multi_step only: factor at each milestone")

    @model_validator(mode="after")
    def _check_milestones(self) -> "Recipe":
        if self.schedule != "multi_step" and self.milestones:
            raise ValueError(f"milestones go with schedule: multi_step, not with {self.schedule}")
        if self.schedule != "multi_step" and self.gamma != 0.1:
            raise ValueError(f"gamma goes with schedule: multi_step, not with {self.schedule}")
        if self.schedule == "multi_step":
            rising = list(self.milestones) == sorted(set(self.milestones))
            if not self.milestones or not rising or self.milestones[-1] >= self.epochs:
                raise ValueError(
                    f"schedule multi_step needs milestones that rise and stay below epochs ({self.epochs}),"
                    f" not {list(self.milestones)}"
                )
        if self.nesterov and self.momentum == 0:
            raise ValueError("nesterov needs a momentum above 0")
        return self

    def describe(self) -> str:
        """The recipe in one line of a log."""
        falls = f" at {', '.join(map(str, self.milestones))}" if self.milestones else ""
        return (
            f"{self.epochs} epochs, batches of {self.batch_size}, SGD with lr {self.lr:g}"
            f" ({self.schedule}{falls}), momentum {self.momentum:g}, weight decay {self.weight_decay:g}"
        )

    def lr_at(self, epoch: int) -> float:
        """Learning rate of `epoch` (0-based): a pure function, so that a resumed run cannot lose its place.

        Cosine is Loshchilov & Hutter 2017 (arXiv:1608.03983), equation 5, without restarts, down to 0.
        """
        if self.schedule == "cosine":
            return self.lr * 0.5 * (1 + math.cos(math.pi * epoch / self.epochs))
        passed = sum(epoch >= milestone for milestone in self.milestones)
        return self.lr * self.gamma**passed


def default_recipe(pretrained: Any = False) -> dict[str, Any]:
    """The recipe of a network for which neither it nor the study sets a key, as JSON values."""
    return Recipe().model_dump(mode="json") | (FINE_TUNING if pretrained else {})
