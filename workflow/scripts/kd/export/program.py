"""A network as it is exported: its input are pixels as image files have them, its output logits."""

from collections.abc import Sequence
from copy import deepcopy

import torch
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram


class WithNormalisation(nn.Module):
    """A network with the normalisation of its training in front, which cannot be forgotten or done twice.

    mean, std: per channel, in units of [0, 1].
    """

    def __init__(self, network: nn.Module, mean: Sequence[float], std: Sequence[float]) -> None:
        super().__init__()
        self.network = network
        self.register_buffer("mean", 255 * torch.tensor(mean).view(1, -1, 1, 1))
        self.register_buffer("scale", 1 / (255 * torch.tensor(std)).view(1, -1, 1, 1))

    def forward(self, images: Tensor) -> Tensor:
        """Logits (B, classes) float32 of images (B, C, H, W) uint8."""
        return self.network((images.float() - self.mean) * self.scale)


def program_of(network: WithNormalisation, image: tuple[int, int, int]) -> ExportedProgram:
    """The network as a graph of operators that takes batches of any size of images (C, H, W).

    It has no traces of the machine it was made on. Raises what torch.export raises for a network that it
    cannot follow.
    """
    # Of weights that lie channels last torch.export could not tell whether they are whole, and says so.
    plain = deepcopy(network).to(memory_format=torch.contiguous_format).eval()
    # Two images: of one, the exporter would take the size of the batch for fixed.
    example, dynamic = torch.zeros(2, *image, dtype=torch.uint8), ({0: Dim("batch")},)
    try:
        program = torch.export.export(plain, (example,), dynamic_shapes=dynamic)
    except Exception:  # the other way takes longer, and knows more: that len(images) is not fixed, for one
        program = torch.export.export(plain, (example,), dynamic_shapes=dynamic, strict=True)
    _forget_origin(program)
    return program


def _forget_origin(program: ExportedProgram) -> None:
    """Leave of each node what it computes, and nothing of the code: whose files and lines it names."""
    graphs = (module.graph for module in program.graph_module.modules() if hasattr(module, "graph"))
    for node in (node for graph in graphs for node in graph.nodes):
        node.meta = {name: value for name, value in node.meta.items() if name == "val"}
