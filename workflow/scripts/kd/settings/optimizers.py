"""What the optimizers of a recipe are called, which keys go with each, and the defaults that each has."""

from typing import Any

# The keys of a recipe whose usual values depend on the optimizer. SGD: those of pytorch-cifar. AdamW: the
# learning rate and betas of torch.optim.AdamW, the decay of DeiT (Touvron et al. 2021, arXiv:2012.12877,
# table 9). Muon: the momentum of its author (https://kellerjordan.github.io/posts/muon/); its steps are
# as large as AdamW's, so that both take one learning rate and decay (Liu et al. 2025, arXiv:2502.16982).
_ADAMW = {
    "lr": 1e-3,
    "weight_decay": 0.05,
    "weight_decay_on": "weights",
    "betas": (0.9, 0.999),
    "eps": 1e-8,
}
DEFAULTS: dict[str, dict[str, Any]] = {
    "sgd": {"lr": 0.1, "momentum": 0.9, "nesterov": False, "weight_decay": 5e-4, "weight_decay_on": "all"},
    "adamw": _ADAMW,
    "muon": _ADAMW | {"momentum": 0.95, "nesterov": True},
}
OWN = tuple(dict.fromkeys(key for keys in DEFAULTS.values() for key in keys))  # keys that depend on it
TITLES = {"sgd": "SGD", "adamw": "AdamW", "muon": "Muon"}

# What a network with pretrained weights takes where neither it nor the study sets a key: weights that were
# trained already need few epochs, and a learning rate that does not undo them.
FINE_TUNING = {"epochs": 30, "batch_size": 32, "lr": 0.01, "weight_decay": 1e-4}
# Learning rates above these are for networks without pretrained weights.
HIGH_RATES = {"sgd": 0.05, "adamw": 5e-4, "muon": 5e-4}
LARGEST_RATE = 0.01  # of AdamW and Muon; above it a training usually diverges


def fine_tuning(optimizer: str) -> dict[str, Any]:
    """The defaults of a network with pretrained weights; what is missing is as without them."""
    if optimizer == "sgd":
        return dict(FINE_TUNING)
    return {key: FINE_TUNING[key] for key in ("epochs", "batch_size")} | {"lr": 1e-4}


def needed_by(key: str) -> str:
    """The optimizers that a key goes with: `adamw or muon`."""
    return " or ".join(name for name, keys in DEFAULTS.items() if key in keys)


def goes_with(key: str, what: str) -> str:
    """`betas go with`, `eps goes with`."""
    return f"{key} {'go' if key in ('betas', 'milestones') else 'goes'} with {what}"
