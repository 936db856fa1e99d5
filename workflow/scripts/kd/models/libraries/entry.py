"""A network of a library from one of its stages on.

torch.fx follows its forward pass, but only through the modules that stages lie in: all others stay whole, so
that neither their code nor their mode matters.
"""

import inspect
from collections.abc import Sequence
from typing import Any

from torch import Tensor, fx, nn


class _Tracer(fx.Tracer):
    def __init__(self, stages: Sequence[str]) -> None:
        super().__init__()
        self.stages, self.ends = stages, {}

    def is_leaf_module(self, module: nn.Module, name: str) -> bool:
        return not any(stage.startswith(f"{name}.") for stage in self.stages)

    def call_module(self, module: nn.Module, forward: Any, args: tuple, kwargs: dict) -> Any:
        result = super().call_module(module, forward, args, kwargs)
        if (name := self.path_of_module(module)) in self.stages:
            self.ends[name] = result.node
        return result


class NoEntry(Exception):
    """Why what follows a stage cannot be run by itself, as it goes on after "later stages"."""


def entered_after(network: nn.Module, stages: Sequence[str], number: int) -> fx.GraphModule:
    """What follows stage `number` of a network in its present mode, whose layers it shares.

    It takes what that stage puts out, and gives what each later one does, and then the logits. `stages`: the
    modules at whose ends they end, by name. Raises NoEntry.
    """
    tracer = _Tracer(stages)
    try:
        graph = tracer.trace(network, _defaults(network))
    except Exception as error:  # whatever the code of a library does with what is no tensor
        raise NoEntry("whose code cannot be followed") from error
    images, output = next(iter(graph.nodes)), graph.output_node()
    ends = [tracer.ends[name] for name in stages]
    with graph.inserting_after(images):
        start = graph.placeholder("maps", Tensor)
    ends[number].replace_all_uses_with(start)
    output.args = ((*ends[number + 1 :], *output.args),)
    for node in reversed(graph.nodes):
        # Checks of shapes go too: nobody reads them, and they would read earlier tensors.
        if not node.users and node not in (output, start):
            graph.erase_node(node)
    if images in graph.nodes:
        raise NoEntry("which read more than the maps of one stage")
    return fx.GraphModule(network, graph)


def _defaults(network: nn.Module) -> dict[str, Any]:
    """What it takes besides images, which is optional."""
    _, *others = inspect.signature(network.forward).parameters.values()
    return {other.name: other.default for other in others}
