"""The weights in a checkpoint, wherever its script has put them, and the names of the classes beside them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import Tensor

from kd.errors import UserError
from kd.networks.imported.shown import few

# Where training scripts keep the weights: RepDistiller, mdistiller and torchvision in "model", pytorch-cifar
# in "net", timm and Lightning in "state_dict".
PLACES = ("state_dict", "model_state_dict", "model", "net", "network", "model_state", "weights")
DEEPEST = 8  # dictionaries inside each other
NAMES = ("classes", "class_names", "class_to_idx", "idx_to_class", "id2label", "label_names")
SEVERAL = "save the one that you want: torch.save(checkpoint[key], 'weights.pth')"


@dataclass(frozen=True)
class Checkpoint:
    """What a file of the user's holds.

    `tensors`: of the network, by name. `classes`: their names in the order of its outputs, where it has them.
    `left_out`: keys of what is not used.
    """

    tensors: dict[str, Tensor]
    classes: list[str] | None = None
    left_out: list[str] = field(default_factory=list)


def checkpoint_of(content: Any, path: Path) -> Checkpoint:
    """The weights in `content`, which torch.load read from `path`; UserError naming it if there are none."""
    holder, left_out = content, []
    for _ in range(DEEPEST):
        if not isinstance(holder, Mapping):
            raise UserError(f"{path}: holds no dictionary of tensors, but {_kind(holder)}")
        place = next((key for key in PLACES if isinstance(holder.get(key), Mapping)), None)
        place = _other_place(holder, path) if place is None else place
        if place is None:
            break
        left_out += [str(key) for key in holder if key != place]
        holder = holder[place]
    tensors = {key: value for key, value in holder.items() if _is_named_tensor(key, value)}
    left_out += [str(key) for key in holder if key not in tensors]
    if not tensors:
        raise UserError(f"{path}: holds no weights, but {few(map(str, holder)) or 'an empty dictionary'}")
    return Checkpoint(tensors, class_names(content), left_out)


def _other_place(holder: Mapping[Any, Any], path: Path) -> Any:
    """The key of the only dictionary of tensors, where nothing else is one; None where `holder` is one."""
    if any(_is_named_tensor(key, value) for key, value in holder.items()):
        return None
    if any(map(_is_optimizer, (holder, *holder.values()))):
        raise UserError(f"{path}: holds the state of an optimizer, and no weights")
    inside = [key for key, value in holder.items() if _has_tensors(value)]
    if len(inside) > 1:
        raise UserError(f"{path}: holds several sets of weights, {few(map(str, inside))}; {SEVERAL}")
    return inside[0] if inside else None


def _is_optimizer(value: Any) -> bool:
    return isinstance(value, Mapping) and {"state", "param_groups"} <= value.keys()


def _has_tensors(value: Any) -> bool:
    return isinstance(value, Mapping) and any(_is_named_tensor(*item) for item in value.items())


def _is_named_tensor(key: Any, value: Any) -> bool:
    return isinstance(key, str) and isinstance(value, Tensor)


def _kind(value: Any) -> str:
    return "a tensor" if isinstance(value, Tensor) else f"a value of type {type(value).__name__.strip('_')}"


def class_names(content: Any) -> list[str] | None:
    """The names of the classes in the order of the outputs, where a checkpoint has them under a usual key."""
    for key in NAMES if isinstance(content, Mapping) else ():
        names = content.get(key)
        if isinstance(names, Mapping):
            names = _numbered(names)
        if isinstance(names, list | tuple) and names and all(isinstance(name, str) for name in names):
            return list(names)
    return None


def _numbered(names: Mapping[Any, Any]) -> list[Any] | None:
    """{name: number} or {number: name}, whose numbers may be text, in the order of the numbers."""
    for turned in (names, {value: key for key, value in names.items() if isinstance(value, int | str)}):
        numbers = {str(number): name for number, name in turned.items()}
        if numbers.keys() == set(map(str, range(len(names)))):
            return [numbers[str(number)] for number in range(len(names))]
    return None
