"""Builds the networks that a config names, and the changes that methods made to them."""

from typing import Any

from kd.errors import UserError
from kd.registry import HERE, find_architecture, find_method, method_names


def build_network(architecture: str, settings: dict[str, Any], in_channels: int, num_classes: int) -> Any:
    """A freshly initialised network; `settings` are its options as in the config.

    Raises UserError when this version of the code has no such architecture.
    """
    entry = find_architecture(architecture)
    checked = entry.options.model_validate(settings)
    return entry.load()(in_channels, num_classes, **dict(checked))


def change_network(network: Any, changes: dict[str, dict[str, Any]]) -> None:
    """Do again what methods did to a network's layers before it was trained; see kd.distillation.base.

    Raises UserError when this version of the code has no such method.
    """
    for name, facts in changes.items():
        if name not in method_names():
            raise UserError(
                f"method {name!r}, which made a part of the network, is not defined in {HERE / 'methods'}"
            )
        find_method(name).load().change(network, facts)
