"""What methods need of networks: a ReLU, a classifier that reads maps."""

from torch import nn

from kd.errors import UserError

_RELUS = nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.PReLU


def has_relu(network: nn.Module) -> bool:
    """Whether a network has ReLU; not so transformers and mixers, which have GELU (arXiv:1606.08415) alone.

    A network that has neither as a module calls it as a function, or has an activation like it.
    """
    if any(isinstance(module, _RELUS) for module in network.modules()):
        return True
    return not any("GELU" in type(module).__name__ for module in network.modules())


def require_relu(teacher: nn.Module) -> None:
    """UserError for a teacher without ReLU, for a method that is about where its neurons begin to respond."""
    if not has_relu(teacher):
        raise UserError(
            "this method compares on which side of its ReLU a neuron is, and this teacher has GELU and no"
            " ReLU; use another teacher or method"
        )


def require_maps(**networks: nn.Module) -> None:
    """UserError for a network, by its role, whose classifier reads a token and not the means of maps."""
    for role, network in networks.items():
        if not getattr(network, "classifies_maps", True):
            raise UserError(
                f"this method takes the {role}'s classifier for feature maps, and it reads a class token; use"
                f" another {role} or method"
            )
