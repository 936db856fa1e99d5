"""The optimizers of torch.optim that a recipe asks for, as one, with their state by name."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from kd.settings.recipe import Recipe
from kd.training.optim.dot import Gradients, TwoMomenta
from kd.training.optim.groups import matrices, without_decay
from kd.training.optim.muon import Muon

MODEL, METHOD = "model.", "method."  # begin the names of parameters
STATE = "optimizer."  # begins the names of what it keeps of them


class Optimizer:
    """Updates what `network` and `method` learn by a recipe.

    Muon is for the matrices of the network's hidden layers, and AdamW then for the rest and for what the
    method owns.
    """

    def __init__(self, network: nn.Module, method: nn.Module, recipe: Recipe, device: torch.device) -> None:
        self.parameters = {
            f"{prefix}{name}": parameter
            for prefix, module in ((MODEL, network), (METHOD, method))
            for name, parameter in module.named_parameters()
            if parameter.requires_grad
        }
        self._clip = recipe.grad_clip
        # On CUDA the learning rate is a tensor: as a number it would be frozen into a graph.
        lr = recipe.highest_lr
        self.lr: float | Tensor = torch.tensor(lr, device=device) if device.type == "cuda" else lr
        self._muon, rest = None, dict(self.parameters)
        if recipe.optimizer == "muon":
            hidden = [f"{MODEL}{name}" for name in matrices(network) if f"{MODEL}{name}" in rest]
            options = recipe.model_dump(include={"weight_decay", "momentum", "nesterov"})
            self._muon = Muon({name: rest.pop(name) for name in hidden}, **options)
        left_out = {f"{MODEL}{name}" for name in without_decay(network)}
        left_out |= {f"{METHOD}{name}" for name in without_decay(method)}
        self._rest = _usual(recipe, rest, left_out, device)
        # Whose state is kept, by name: parameters, and the matrices that Muon moves in their place.
        self._owners = {name: (self._rest, parameter) for name, parameter in rest.items()}
        if self._muon:
            self._owners |= {name: (self._muon.optimizer, move) for name, move in self._muon.moves.items()}
        self._apart = None
        if recipe.dot:
            momenta = {"momentum": recipe.momentum, "difference": recipe.dot}
            self._apart = TwoMomenta(self._rest, self.parameters, **momenta)
            self._owners |= self._apart.owners()
        self.set_lr(lr)

    @property
    def apart(self) -> bool:
        """Whether the gradients of the labels and of distillation may have momenta of their own."""
        return self._apart is not None

    def set_lr(self, lr: float) -> None:
        """The learning rate of the steps to come."""
        if isinstance(self.lr, Tensor):
            self.lr.fill_(lr)
        else:
            self.lr = lr
        for group in self._rest.param_groups:
            group["lr"] = self.lr
        if self._apart:
            self._apart.set_lr(self.lr)

    def zero_grad(self) -> None:
        """Forget the gradients."""
        for parameter in self.parameters.values():
            parameter.grad = None

    def step(self) -> None:
        """One update by the gradients, clipped first where the recipe says so; nothing is read back."""
        if self._clip:
            # Norms of many tensors at once (foreach) copy from the host, which a CUDA graph cannot record.
            nn.utils.clip_grad_norm_(self.parameters.values(), self._clip, foreach=False)
        if self._muon:
            self._muon.step(self.lr)
        self._rest.step()

    def gradients(self) -> dict[str, Tensor | None]:
        """Of all parameters as they are now, which then have none."""
        taken = {name: parameter.grad for name, parameter in self.parameters.items()}
        self.zero_grad()
        return taken

    def step_apart(self, labels: Gradients, distilled: Gradients) -> None:
        """One update by the gradients of the cross-entropy with the labels, and of all other terms."""
        self._apart.step(labels, distilled)

    def state(self) -> dict[str, Tensor]:
        """What updates to come depend on: momenta, moments and counts of steps, by parameter."""
        return {
            f"{STATE}{key}.{name}": kept
            for name, (optimizer, owner) in self._owners.items()
            for key, kept in optimizer.state.get(owner, {}).items()
            if kept is not None
        }

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Go back to `state`, which may hold other tensors beside."""
        for full, kept in state.items():
            key, _, name = full.removeprefix(STATE).partition(".")
            if full.startswith(STATE) and name in self._owners:
                optimizer, owner = self._owners[name]
                # In the memory order of the weights, which the fused update goes through as it lies.
                empty = torch.empty_like(owner if kept.shape == owner.shape else kept, device=owner.device)
                optimizer.state[owner][key] = empty.copy_(kept)


def _usual(
    recipe: Recipe, parameters: Mapping[str, nn.Parameter], left_out: set[str], device: torch.device
) -> torch.optim.Optimizer:
    """SGD or AdamW of these parameters; the learning rate is set later, for it would be read back here."""
    if recipe.weight_decay_on == "all":
        groups = [{"params": list(parameters.values())}]
    else:
        parts = [[name for name in parameters if (name in left_out) == out] for out in (False, True)]
        groups = [{"params": [parameters[name] for name in names]} for names in parts]
        groups[1]["weight_decay"] = 0.0
    if recipe.optimizer == "sgd":
        options = recipe.model_dump(include={"momentum", "weight_decay", "nesterov"})
        return torch.optim.SGD(groups, **options, fused=True)
    options = recipe.model_dump(include={"betas", "eps", "weight_decay"})
    return torch.optim.AdamW(groups, **options, fused=True, capturable=device.type == "cuda")
