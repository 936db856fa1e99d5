"""State dicts from plain mappings of tensors, which all files here hold."""

from collections import OrderedDict
from collections.abc import Mapping

from torch import Tensor, nn


def load_state(module: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    """Load `tensors`, named and laid out as in `module.state_dict()`, into `module`.

    A state dict of torch also has the versions of its modules, which no mapping or safetensors file keeps.
    Without them some modules (MNASNet of torchvision) refuse to load, and others take the layout for an old
    one. Here it is always that of `module` itself. Raises RuntimeError naming what is missing, not known or
    of another shape.
    """
    state = OrderedDict(tensors)
    state._metadata = module.state_dict()._metadata
    module.load_state_dict(state)
