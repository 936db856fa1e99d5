"""Names of tensors without what wrappers and tools have added to them."""

import re
from collections import Counter
from collections.abc import Collection, Mapping

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
    """`weights` by plain names, as `state` may have them, and what was left out, as text.

    A prefix that they all have is left as it is; see `without_prefix`.
    """
    notes = []
    kept = {name: tensor for name, tensor in weights.items() if not TOOLS.fullmatch(name)}
    if len(kept) < len(weights):
        notes.append(f"{len(weights) - len(kept)} counters of tools")
    heads = [head for head in AUXILIARY if not any(name.startswith(head) for name in state)]
    own = {name: tensor for name, tensor in kept.items() if not name.startswith(tuple(heads))}
    if len(own) < len(kept):
        notes.append(f"auxiliary heads ({len(kept) - len(own)} tensors), which nothing here uses")
    return {_OLD_DENSE.sub(r"\1\2.", name): tensor for name, tensor in own.items()}, notes


def without_prefix(weights: Weights, state: Weights) -> tuple[Weights, str]:
    """`weights` without the prefixes that all their names have, and that none has in `state`; and these.

    Counters of tools have none, and keep their names.
    """
    removed = ""
    names = [name for name in weights if not TOOLS.fullmatch(name)]
    while prefix := next((prefix for prefix in PREFIXES if _all_begin(names, removed + prefix)), None):
        if any(name.removeprefix("network.").startswith(prefix) for name in state):
            break
        removed += prefix
    return {name.removeprefix(removed): tensor for name, tensor in weights.items()}, removed


def parts(weights: Weights, least: int) -> dict[str, Weights]:
    """Those of one module: `weights` without a prefix, by that prefix, of names that not all have it.

    Only modules of at least `least` tensors, the outer first.
    """
    counts: Counter[str] = Counter()
    for name in weights:
        words = name.split(".")
        counts.update(".".join(words[:depth]) + "." for depth in range(1, len(words)))
    prefixes = [prefix for prefix, count in counts.items() if least <= count < len(weights)]
    return {
        prefix: {
            name.removeprefix(prefix): tensor for name, tensor in weights.items() if name.startswith(prefix)
        }
        for prefix in sorted(prefixes, key=lambda prefix: prefix.count("."))
    }


def _all_begin(names: Collection[str], prefix: str) -> bool:
    return bool(names) and all(name.startswith(prefix) for name in names)
