"""How methods reach into a network: a stage behind its last maps, and maps sent through its later stages.

A network of this project is a list of stages and a classifier. One of a library does these things itself
(kd.models.libraries.places).
"""

from collections.abc import Sequence
from copy import copy

from torch import nn

from kd.errors import UserError


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
