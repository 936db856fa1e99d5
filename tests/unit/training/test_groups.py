"""Which parameters of networks, ours and of libraries, have no decay, and which are matrices."""

import pytest
import torch
from torch import nn

from kd.networks.factory import build_network
from kd.training.optim.groups import matrices, without_decay


def network(architecture, **options):
    with torch.device("meta"):
        return build_network(architecture, options, 3, 10)


def test_norms_and_biases_have_no_decay_and_all_weights_have():
    model = network("cnn", channels=[4, 4])
    modules = dict(model.named_modules())
    kinds = {name: type(modules[name.rpartition(".")[0]]) for name, _ in model.named_parameters()}
    expected = {name for name, kind in kinds.items() if kind is nn.BatchNorm2d or name.endswith(".bias")}
    assert without_decay(model) == expected
    assert len(expected) == 5


def test_a_vector_among_sides_of_one_is_a_vector():
    class Scaled(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer_scale = nn.Parameter(torch.ones(4, 1, 1))
            self.weight = nn.Parameter(torch.ones(4, 2, 1, 1))

    assert without_decay(Scaled()) == {"layer_scale"}


def test_embeddings_and_what_a_network_names_have_no_decay():
    class Named(nn.Module):
        def __init__(self):
            super().__init__()
            self.words, self.other, self.weight = nn.Embedding(5, 4), nn.Linear(4, 4), nn.Linear(4, 4)

        def no_weight_decay(self):
            return {"other.weight"}

    left_out = without_decay(nn.Sequential(Named()))
    assert left_out == {"0.words.weight", "0.other.weight", "0.other.bias", "0.weight.bias"}


@pytest.mark.parametrize(
    ("architecture", "embeddings"),
    [
        pytest.param(
            "torchvision/vit_b_16", {"class_token", "encoder.pos_embedding"}, marks=pytest.mark.full
        ),
        pytest.param(
            "torchvision/swin_t", {"features.1.0.attn.relative_position_bias_table"}, marks=pytest.mark.full
        ),
        ("timm/vit_tiny_patch16_224", {"cls_token", "pos_embed"}),
        pytest.param(
            "timm/swin_tiny_patch4_window7_224",
            {"layers.0.blocks.0.attn.relative_position_bias_table"},
            marks=pytest.mark.full,
        ),
    ],
)
def test_embeddings_of_libraries(architecture, embeddings):
    model = build_network(architecture, {"input_size": 224}, 3, 10)
    left_out = without_decay(model)
    assert {f"network.{name}" for name in embeddings} <= left_out
    kept = {name: parameter for name, parameter in model.named_parameters() if name not in left_out}
    assert all(parameter.dim() in (2, 4) for parameter in kept.values()), kept.keys()
    assert all(name.endswith("weight") for name in kept)
    assert len(matrices(model)) == len(kept) - 2


def test_matrices_are_those_between_the_first_and_the_last_layer():
    names = matrices(network("resnet18", width=0.25))
    assert "conv1.weight" not in names
    assert not [name for name in names if name.endswith("bias")]
    model = network("cnn", channels=[4, 4])
    weights = [name for name, parameter in model.named_parameters() if parameter.dim() > 1]
    assert matrices(model) == weights[1:-1]
