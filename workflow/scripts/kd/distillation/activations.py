"""What methods need of networks: a ReLU, a classifier that reads maps, a stage more, later stages to enter.

A network of this project is a list of stages and a classifier. What methods do to one of a library it does
itself (kd.models.libraries.places).
"""

from collections.abc import Sequence
from copy import copy

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


def append_stage(student: nn.Module, stage: nn.Module, channels: int | None = None) -> None:
    """Let `stage` follow the last maps, and with `channels`, those of its maps, a new classifier follow it.

    Without them the classifier stays. Raises UserError where its own layers leave no place for that.
    """
    if hasattr(student, "append_stage"):
        student.append_stage(stage, channels)
        return
    student.stages.append(stage)
    if channels is not None:
        student.classifier = nn.Linear(channels, student.classifier.out_features)


def without_last_stage(student: nn.Module, classifier: nn.Linear) -> nn.Module:
    """The same network without the last stage, and with this classifier. All other layers are shared."""
    if hasattr(student, "without_last_stage"):
        return student.without_last_stage(classifier)
    plain = copy(student)
    plain._modules = dict(student._modules)
    plain.stages = student.stages[:-1]
    plain.classifier = classifier
    return plain


def require_entry(role: str, network: nn.Module, numbers: Sequence[int]) -> None:
    """UserError where maps cannot be sent through what follows these stages of the student or the teacher."""
    why = getattr(network, "why_not_entered", None)
    if why and (reason := why(numbers)):
        raise UserError(
            f"this method sends feature maps through later stages of the {role}, {reason}; use another {role}"
            " or method"
        )
