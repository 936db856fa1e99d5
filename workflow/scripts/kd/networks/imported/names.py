"""Names of tensors without what wrappers and tools have added to them."""

import re
from collections.abc import Iterable, Mapping

from torch import Tensor

Weights = Mapping[str, Tensor]

# What wrappers put before every name: DataParallel, torch.compile, the module of a training script, and the
# distiller of mdistiller.
PREFIXES = ("module.", "_orig_mod.", "model.", "student.")
# Heads of GoogLeNet and Inception v3 that only their own training uses.
AUXILIARY = ("aux1.", "aux2.", "AuxLogits.")
COUNTER = "num_batches_tracked"  # of a norm; it takes no part in any output, and old files have none
TOOLS = re.compile(r"n_averaged|(.*\.)?total_(ops|params)")  # of AveragedModel, and of thop
# The oldest files of torchvision's DenseNets have "norm.1" for "norm1".
_OLD_DENSE = re.compile(r"(denselayer\d+\.(?:norm|conv))\.([12])\.")


def cleaned(weights: Weights, state: Weights) -> tuple[Weights, list[str]]:
    """`weights` by plain names, as `state` may have them, and what was left out, as text."""
    notes = []
    kept = {name: tensor for name, tensor in weights.items() if not TOOLS.fullmatch(name)}
    if len(kept) < len(weights):
        notes.append(f"{len(weights) - len(kept)} counters of tools")
    kept, prefix = _without_prefix(kept, state)
    notes += [f"the prefix {prefix!r} of their names"] if prefix else []
    heads = [head for head in AUXILIARY if not any(name.startswith(head) for name in state)]
    own = {name: tensor for name, tensor in kept.items() if not name.startswith(tuple(heads))}
    if len(own) < len(kept):
        notes.append(f"auxiliary heads ({len(kept) - len(own)} tensors), which nothing here uses")
    return {_OLD_DENSE.sub(r"\1\2.", name): tensor for name, tensor in own.items()}, notes


def _without_prefix(weights: Weights, state: Weights) -> tuple[Weights, str]:
    """`weights` without the prefixes that all their names have, and that none has in `state`; and these."""
    removed = ""
    while prefix := next((prefix for prefix in PREFIXES if _all_begin(weights, prefix)), None):
        if any(name.removeprefix("network.").startswith(prefix) for name in state):
            break
        removed += prefix
        weights = {name.removeprefix(prefix): tensor for name, tensor in weights.items()}
    return weights, removed


def _all_begin(names: Iterable[str], prefix: str) -> bool:
    names = list(names)
    return bool(names) and all(name.startswith(prefix) for name in names)
