"""Which parameters of a network decay, and which are matrices that Muon is for."""

from torch import nn

# Embeddings, by the last part of their names in torchvision and timm.
EMBEDDINGS = {
    *("class_token", "cls_token", "dist_token", "reg_token", "mask_token"),
    *("pos_embed", "pos_embedding", "position_embedding", "relative_position_bias_table"),
}


def without_decay(network: nn.Module) -> set[str]:
    """The names of the parameters that weight decay leaves out: norms, biases, scales and embeddings.

    As timm does it: those of one dimension or less, here also with sides of 1 beside it, as layer scales of
    torchvision have, and those that a network's `no_weight_decay()` names; and embeddings of any other name.
    """
    names = {name for name, parameter in network.named_parameters() if _is_vector(parameter)}
    for prefix, module in network.named_modules():
        own: set[str] = set(module.no_weight_decay()) if hasattr(module, "no_weight_decay") else set()
        own |= {"weight"} if isinstance(module, nn.Embedding) else set()
        own |= {name for name, _ in module.named_parameters(recurse=False) if name in EMBEDDINGS}
        names |= {f"{prefix}.{name}".lstrip(".") for name in own}
    return names


def matrices(network: nn.Module) -> list[str]:
    """The names of the hidden layers' matrices: all that may decay, but those of the first and last layer.

    Jordan 2024 (https://kellerjordan.github.io/posts/muon/) leaves input and output to another optimizer.
    """
    left_out = without_decay(network)
    names = [name for name, _ in network.named_parameters() if name not in left_out]
    return names[1:-1]


def _is_vector(parameter: nn.Parameter) -> bool:
    return sum(side > 1 for side in parameter.shape) <= 1
