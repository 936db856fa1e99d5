"""One training step. Knows nothing of any method."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional

from kd.data.loader import Loader, Mixture, Samples
from kd.distillation.base import Distillation
from kd.distillation.batch import Batch, Companions, Output, Outputs, as_output, outputs_of
from kd.distillation.label_loss import LabelLoss
from kd.networks.state import load_state
from kd.runtime.ranks.group import ALONE, Ranks
from kd.runtime.speed import Speed
from kd.settings.recipe import Recipe
from kd.teachers.teacher import Teacher
from kd.training.optim.average import Average
from kd.training.optim.optimizer import Optimizer
from kd.training.together import Together


@dataclass(eq=False)
class Step:
    """Updates `model` from a batch of samples and adds what it saw to `totals`.

    Everything that it reads lies in tensors that stay where they are, so that a CUDA graph can read there
    again; and nothing is read back to the host, which would make it wait for the device in every step.
    `preliminary`: whether it is a step of the epochs that go before the recipe's. Of several `ranks` each
    has its part of the batch, and totals of its own.
    """

    model: nn.Module
    method: Distillation
    loader: Loader
    recipe: Recipe
    teacher: Teacher | None
    speed: Speed
    preliminary: bool = False
    ranks: Ranks = ALONE

    def __post_init__(self) -> None:
        recipe, self._device = self.recipe, self.loader.device
        self.together = Together(self.ranks, self.model, self.method, self._device)
        stages = bool({"stages", "own_stages"} & set(self.method.NEEDS))
        self._student = _Student(self.model, stages=stages)
        self._compiled = self.speed.compiled(self._student)
        self.optimizer = Optimizer(self.model, self.method, recipe, self._device)
        # Of the epochs that go before there is no average: the network is not yet trained for its task.
        self.average = Average(self.model, recipe.ema) if recipe.ema and not self.preliminary else None
        self._label_loss = _label_loss(recipe, self.loader.labels)
        self._epoch = torch.zeros((), device=self._device)
        self._sound = torch.ones((), dtype=torch.bool, device=self._device)
        self.totals: dict[str, Tensor] = {}

    def start_epoch(self, epoch: int, lr: float) -> None:
        """Announce the epoch (from 0 in its phase), which the loader has begun, and the learning rate."""
        self._epoch.fill_(epoch)
        self.set_lr(lr)
        if self.teacher:
            self.teacher.start_epoch(epoch, self.loader.rows)

    def set_lr(self, lr: float) -> None:
        """The learning rate of the steps to come."""
        self.optimizer.set_lr(lr)

    def clear(self) -> None:
        """The totals begin at 0."""
        self._sound.fill_(True)
        for total in self.totals.values():
            total.zero_()

    def averaged(self) -> AbstractContextManager:
        """The context in which the network has the average for its weights, where there is one."""
        return self.average.applied() if self.average else nullcontext()

    @property
    def sound(self) -> bool:
        """Whether the loss was finite in all steps since, on all ranks; reading it waits for the device."""
        return not any(self.ranks.highest(int(not self._sound)))

    def sums(self) -> dict[str, Tensor]:
        """The totals, over all ranks."""
        return self.together.sums(self.totals)

    def __call__(self, samples: Samples) -> None:
        """One update by the batch of the loader that is at hand.

        Adds to `totals`, over the batch, the sums of the loss, of its terms and of the correct predictions,
        and counts in "sound" the steps before the first one whose loss is not finite.
        """
        images, labels, mixture = self.loader.take(samples)
        others = self.loader.companions(samples)
        self.together.seed(self.loader.seed, samples)
        terms, right = self.together.run(self._terms, images, labels, samples.indices, mixture, others)
        loss = torch.stack(list(terms.values())).sum()
        if self.optimizer.apart and "ce" in terms and len(terms) > 1:
            self._update_apart(terms)
        else:
            self._update(self.together.scaled(loss, samples))
        named = {"loss": loss} | {f"loss_{name}": term for name, term in terms.items()}
        sums = {name: term.detach() * len(labels) for name, term in named.items()}
        sums["correct"] = right.sum()
        sums["sound"] = self._sound.logical_and_(loss.detach().isfinite()).long()
        for name, value in sums.items():
            if name not in self.totals:
                self.totals[name] = torch.zeros_like(value)
            self.totals[name] += value

    def _terms(
        self,
        images: Tensor,
        labels: Tensor,
        indices: Tensor,
        mixture: Mixture | None,
        others: tuple[Tensor, Tensor, Tensor] | None,
    ) -> tuple[dict[str, Tensor], Tensor]:
        """The terms of the loss by name, and which predictions are right (B,)."""
        runs = (
            self._run_student,
            self.teacher and self._run_teacher,
            partial(self.speed.autocast, self._device),
        )
        known = images, labels, indices, self._epoch, self.preliminary
        companions = others and Companions(*others)
        more = {"label_loss": self._label_loss, "mixture": mixture, "companions": companions}
        batch = Batch(*known, *runs, **more)
        terms = self.method.effective_losses(batch)
        student_ran = "student" in vars(batch)
        right = batch.student.logits.argmax(1) == labels if student_ran else torch.zeros_like(labels)
        return terms, right

    def _update(self, loss: Tensor) -> None:
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        if self.average:
            self.average.update()

    def _update_apart(self, terms: Mapping[str, Tensor]) -> None:
        """With the gradients of the cross-entropy and of the other terms apart; on one GPU."""
        self.optimizer.zero_grad()
        torch.stack([term for name, term in terms.items() if name != "ce"]).sum().backward(retain_graph=True)
        distilled = self.optimizer.gradients()
        terms["ce"].backward()
        self.optimizer.step_apart(self.optimizer.gradients(), distilled)
        if self.average:
            self.average.update()

    def _run_student(self, images: Tensor) -> Output:
        # Another size than usual, the last of an epoch, is not worth being compiled for.
        network = self._compiled if len(images) == self.loader.own_size else self._student
        with self.speed.autocast(self._device):
            outputs = network(images)
        return as_output(*outputs)

    def _run_teacher(self, images: Tensor, indices: Tensor) -> Output:
        with self.speed.autocast(self._device):
            return self.teacher.output(images, indices)

    def state(self) -> dict[str, Tensor]:
        """What the steps to come depend on, and the totals, as tensors by name."""
        weights = {f"model.{name}": tensor for name, tensor in self.model.state_dict().items()}
        weights |= {f"method.{name}": tensor for name, tensor in self.method.state_dict().items()}
        averages = self.average.tensors if self.average else {}
        weights |= {f"average.{name}": tensor for name, tensor in averages.items()}
        totals = {f"total.{name}": total for name, total in self.together.kept(self.totals).items()}
        return weights | self.optimizer.state() | totals

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Go back to `state`."""
        load_state(self.model, parts(state, "model."))
        load_state(self.method, parts(state, "method."))
        self.optimizer.restore(state)
        if self.average and (kept := parts(state, "average.")):  # none at the end of preliminary epochs
            self.average.restore(kept)
        totals = {name: self.together.own(total) for name, total in parts(state, "total.").items()}
        self.totals = {name: total.to(self._device) for name, total in totals.items()}


def _label_loss(recipe: Recipe, labels: Tensor) -> Callable[..., Tensor]:
    if not recipe.label_smoothing and recipe.class_weights == "none":
        return functional.cross_entropy
    balanced = recipe.class_weights == "balanced"
    return LabelLoss(labels, smoothing=recipe.label_smoothing, balanced=balanced)


class _Student(nn.Module):
    """A network's logits, and its feature maps and tokens where `stages` are needed."""

    def __init__(self, network: nn.Module, *, stages: bool) -> None:
        super().__init__()
        self.network, self._stages = network, stages

    def forward(self, images: Tensor) -> Outputs:
        return outputs_of(self.network, images) if self._stages else (self.network(images), (), {})


def parts(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """Those whose names begin with `prefix`, without it."""
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
