"""Batch norms over the batches of all ranks of a training."""

import sys

from torch import nn

HOOKS = ("_forward_hooks", "_forward_pre_hooks")  # begin the names of what PyTorch keeps of them


def with_synchronised_norms(module: nn.Module) -> nn.Module:
    """`module` with its batch norms exchanged for synchronised ones, which have the same tensors and hooks.

    timm's norms that have an activation of their own keep it.
    """
    before = dict(module.named_modules())
    # A network that has such norms has imported them.
    timm = sys.modules.get("timm.layers")
    convert = timm.convert_sync_batchnorm if timm else nn.SyncBatchNorm.convert_sync_batchnorm
    converted = convert(module)
    for name, new in converted.named_modules():
        old = before[name]
        if new is not old:
            vars(new).update({key: value for key, value in vars(old).items() if key.startswith(HOOKS)})
    return converted
