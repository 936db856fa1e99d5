"""One training step, and the same step as a CUDA graph. Knows nothing of any method."""

import logging
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from kd.recipe import Recipe
from kd.speed import Speed
from kd.teacher import Teacher
from kd.views import Labelled

logger = logging.getLogger("kd")
WARM_UP = 3  # steps that a CUDA graph wants to have been run before: they choose kernels and make buffers


class Step:
    """Updates `model` from a batch of samples and adds what it saw to `totals`.

    Everything that it reads lies in tensors that stay where they are, so that a CUDA graph can read there
    again; and nothing is read back to the host, which would make it wait for the device in every step.
    """

    def __init__(
        self,
        model: nn.Module,
        method: Any,
        train: Labelled,
        recipe: Recipe,
        teacher: Teacher | None,
        speed: Speed,
    ) -> None:
        self._model, self._method, self._teacher = model, method, teacher
        self._train, self._device = train, train.labels.device
        self._batch_size, self._speed = recipe.batch_size, speed
        self._compiled = speed.compiled(model)
        # On CUDA the learning rate is a tensor as well: as a number it would be frozen into a graph.
        lr = torch.tensor(recipe.lr, device=self._device) if self._device.type == "cuda" else recipe.lr
        self.optimizer = torch.optim.SGD(
            model.parameters(),
            lr=lr,
            momentum=recipe.momentum,
            weight_decay=recipe.weight_decay,
            nesterov=recipe.nesterov,
            fused=True,
        )
        self._views = torch.zeros_like(train.labels)
        self._sound = torch.ones((), dtype=torch.bool, device=self._device)
        self.totals: dict[str, Tensor] = {}

    def start_epoch(self, views: np.ndarray, lr: float) -> None:
        """Announce the view of every sample, (N,) int64, and the learning rate."""
        for group in self.optimizer.param_groups:
            if isinstance(group["lr"], Tensor):
                group["lr"].fill_(lr)
            else:
                group["lr"] = lr
        if self._teacher:
            self._teacher.start_epoch(views)
        self._views.copy_(torch.from_numpy(views))

    def clear(self) -> None:
        """The totals begin at 0."""
        self._sound.fill_(True)
        for total in self.totals.values():
            total.zero_()

    @property
    def sound(self) -> bool:
        """Whether the loss was finite in all steps since; reading it waits for the device."""
        return bool(self._sound)

    def __call__(self, indices: Tensor) -> None:
        """One update by the samples `indices` (B,) int64.

        Adds to `totals`, over the batch, the sums of the loss, of its terms and of the correct answers, and
        counts in "sound" the steps before the first one whose loss is not finite.
        """
        images, labels = self._train.images.take(indices, self._views[indices]), self._train.labels[indices]
        # Another size than usual, the last of an epoch, is not worth being compiled for.
        network = self._compiled if len(indices) == self._batch_size else self._model
        with self._speed.autocast(self._device):
            targets = self._teacher.logits(images, indices).float() if self._teacher else None
            logits = network(images).float()
        terms = self._method.losses(logits, targets, labels)
        loss = torch.stack(list(terms.values())).sum()
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        named = {"loss": loss} | {f"loss_{name}": term for name, term in terms.items()}
        sums = {name: term.detach() * len(labels) for name, term in named.items()}
        sums["correct"] = (logits.detach().argmax(1) == labels).sum()
        sums["sound"] = self._sound.logical_and_(loss.detach().isfinite()).long()
        for name, value in sums.items():
            if name not in self.totals:
                self.totals[name] = torch.zeros_like(value)
            self.totals[name] += value

    def state(self) -> dict[str, Tensor]:
        """What the steps to come depend on, and the totals, as tensors by name."""
        momenta = {
            f"momentum.{name}": self.optimizer.state[parameter]["momentum_buffer"]
            for name, parameter in self._model.named_parameters()
            if self.optimizer.state[parameter].get("momentum_buffer") is not None
        }
        weights = {f"model.{name}": tensor for name, tensor in self._model.state_dict().items()}
        return weights | momenta | {f"total.{name}": total for name, total in self.totals.items()}

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Go back to `state`, after `start_epoch`."""
        self._model.load_state_dict(parts(state, "model."))
        for name, parameter in self._model.named_parameters():
            if (kept := state.get(f"momentum.{name}")) is not None:
                # In the memory order of the weights, which the fused update goes through as it lies.
                self.optimizer.state[parameter]["momentum_buffer"] = torch.empty_like(parameter).copy_(kept)
        self.totals = {name: total.to(self._device) for name, total in parts(state, "total.").items()}


def parts(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """Those whose names begin with `prefix`, without it."""
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


class GraphedStep:
    """A step that is recorded once and then replayed: the host launches one graph instead of its kernels.

    The first steps run as they are, and so do batches of another size. A step that cannot be recorded, such
    as that of a method which reads a number back, goes on as it is and says so.
    """

    def __init__(self, step: Step, batch_size: int, device: torch.device) -> None:
        self._step, self._run_before = step, 0
        self._indices = torch.zeros(batch_size, dtype=torch.int64, device=device)
        self._graph: torch.cuda.CUDAGraph | None = None
        self._possible = True

    def __getattr__(self, name: str) -> Any:
        """All but the running of it is the step's own."""
        return getattr(self._step, name)

    def __call__(self, indices: Tensor) -> None:
        """As Step does."""
        if len(indices) != len(self._indices) or not self._possible:
            return self._step(indices)
        if self._run_before < WARM_UP:
            self._run_before += 1
            return self._on_another_stream(indices)
        self._indices.copy_(indices)
        if self._graph is None and not self._record():
            return self._step(indices)
        return self._graph.replay()

    def _on_another_stream(self, indices: Tensor) -> None:
        """Autograd remembers the stream of a step, and a graph cannot be recorded on the default one."""
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            self._step(indices)
        torch.cuda.current_stream().wait_stream(stream)

    def _record(self) -> bool:
        """Recording runs nothing: the batch at hand is computed by the first replay."""
        graph = torch.cuda.CUDAGraph()
        self._step.optimizer.zero_grad()  # so that the gradients are made anew, in the memory of the graph
        try:
            with torch.cuda.graph(graph):
                self._step(self._indices)
        except RuntimeError as error:
            self._possible = False
            logger.warning("goes on without a CUDA graph: %s", str(error).splitlines()[0])
        else:
            self._graph = graph
        return self._possible
