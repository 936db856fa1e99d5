"""What a training has come to: its history, the weights that validation chose, and where it is."""

from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from kd.evaluation.metrics import Score
from kd.training.checkpoints import State
from kd.training.cuda_graph import AnyStep
from kd.training.optim.average import Average
from kd.training.step import parts


@dataclass
class Training:
    """One row per finished epoch, the epoch (from 1) that validation chose, and how far the next one is.

    Of `preliminary` epochs, the first ones, none is chosen: the network is not yet trained for its task.
    Without a validation split none is at all: the epoch stays 0.
    """

    preliminary: int = 0
    history: list[dict[str, float]] = field(default_factory=list)
    selected_epoch: int = 0
    selected_weights: dict[str, Tensor] = field(default_factory=dict)
    done: int = 0  # images of the epoch under way
    seconds: float = 0.0  # spent on them
    earlier: float = 0.0  # seconds of training in processes before this one
    replayed: bool = False  # whether a CUDA graph was, by this process
    last: Score | None = None  # on validation in float32, after an epoch that this process ended
    unaveraged: Average | None = None  # at the end, where the network is an average

    def add(self, row: dict[str, float], model: nn.Module) -> None:
        """Close an epoch. The highest validation accuracy wins; then the lowest loss; then the first."""
        self.history.append(row)
        self.done, self.seconds = 0, 0.0
        if len(self.history) <= self.preliminary or "validation_accuracy" not in row:
            return
        if self.selected_epoch == 0 or _rank(row) > _rank(self.history[self.selected_epoch - 1]):
            self.selected_epoch, weights = len(self.history), model.state_dict()
            self.selected_weights = {name: tensor.detach().clone() for name, tensor in weights.items()}

    def state(self, step: AnyStep) -> State:
        """All that the rest of the training depends on."""
        selected = {f"selected.{name}": tensor for name, tensor in self.selected_weights.items()}
        random = {"random.cpu": torch.get_rng_state()}
        if torch.cuda.is_initialized():  # a job on the CPU starts nothing on a GPU
            random["random.cuda"] = torch.cuda.get_rng_state()
        if step.loader.device.type == "mps":
            random["random.mps"] = torch.mps.get_rng_state()
        facts = {name: getattr(self, name) for name in ("history", "selected_epoch", "done", "seconds")}
        return step.state() | selected | random, facts

    @classmethod
    def resumed(cls, state: State, preliminary: int, step: AnyStep, device: torch.device) -> "Training":
        """The training as it was, and its step with it."""
        tensors, facts = state
        step.restore(tensors)
        torch.set_rng_state(tensors["random.cpu"])
        if device.type == "cuda" and "random.cuda" in tensors:
            torch.cuda.set_rng_state(tensors["random.cuda"])
        if device.type == "mps" and "random.mps" in tensors:
            torch.mps.set_rng_state(tensors["random.mps"])
        weights = {name: tensor.to(device) for name, tensor in parts(tensors, "selected.").items()}
        training = cls(preliminary, selected_weights=weights, **facts)
        training.earlier = training.seconds + sum(row["seconds"] for row in training.history)
        return training


def _rank(row: dict[str, float]) -> tuple[float, float]:
    return row["validation_accuracy"], -row["validation_loss"]
