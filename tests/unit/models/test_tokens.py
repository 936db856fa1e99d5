"""Networks that cut images into tokens: their stages as maps, their tokens by name, against the libraries' own."""

import pytest
import torch
from library_networks import build, images
from tiers import sample
from token_networks import MADE, SIDE, WIDTH, tiny
from torch import nn
from torchvision.models.feature_extraction import create_feature_extractor

from kd.distillation.base import Context
from kd.distillation.batch import as_output, outputs_of
from kd.errors import UserError

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def timm():
    return pytest.importorskip("timm", reason="timm is optional: envs/requirements-timm.txt")


def outputs(network, batch):
    with torch.no_grad():
        return as_output(*outputs_of(network.eval(), batch))


@pytest.mark.parametrize("kind", ["timm vit", "deit", "mixer"])
def test_maps_and_tokens_are_those_of_timm(kind):
    network, batch = tiny(kind), images(3, size=SIDE)
    made = outputs(network, batch)
    with torch.no_grad():
        prefix = {} if kind == "mixer" else {"return_prefix_tokens": True}
        every = network.network.forward_intermediates(batch, intermediates_only=True, **prefix)
    maps, tokens = (every, None) if kind == "mixer" else zip(*every, strict=True)
    assert [maps.shape for maps in made.stages] == [(3, WIDTH, SIDE // 4, SIDE // 4)] * 4
    for block in range(3):
        torch.testing.assert_close(made.stages[block], maps[block])
    with torch.no_grad():  # the last stage is what the classifier sees
        norm = network.network.norm
        torch.testing.assert_close(made.stages[3], norm(maps[3].permute(0, 2, 3, 1)).permute(0, 3, 1, 2))
    if kind == "mixer":
        assert made.tokens == ({}, {}, {}, {})
        return
    names = {"timm vit": ["class"], "deit": ["class", "distillation"]}[kind]
    for block in range(4):
        assert list(made.tokens[block]) == names
        expected = norm(tokens[block]) if block == 3 else tokens[block]
        for place, name in enumerate(names):
            torch.testing.assert_close(made.tokens[block][name], expected[:, place])


def test_maps_and_tokens_are_those_of_torchvision():
    network, batch = tiny("vit"), images(3, size=SIDE)
    made = outputs(network, batch)
    nodes = [f"encoder.layers.encoder_layer_{block}" for block in range(3)] + ["encoder.ln"]
    with torch.no_grad():
        expected = create_feature_extractor(network.network.eval(), nodes)(batch)
    for stage, node in enumerate(nodes):
        patches = expected[node][:, 1:].reshape(3, SIDE // 4, SIDE // 4, WIDTH).permute(0, 3, 1, 2)
        torch.testing.assert_close(made.stages[stage], patches)
        torch.testing.assert_close(made.tokens[stage]["class"], expected[node][:, 0])


def test_a_place_of_a_map_is_that_of_its_patch():
    """What the first block adds is left out: the maps then are the patches' embeddings."""
    network, batch = tiny("vit"), images(1, size=SIDE)
    for block in network.network.encoder.layers:
        nn.init.zeros_(block.self_attention.out_proj.weight)
        nn.init.zeros_(block.mlp[3].weight)
    other = batch.clone()
    other[:, :, 4:8, 8:12] += 1  # row 1, column 2
    change = (outputs(network, other).stages[0] - outputs(network, batch).stages[0]).abs().sum(dim=(0, 1))
    assert change.nonzero().tolist() == [[1, 2]]


@pytest.mark.parametrize("kind", MADE)
def test_the_logits_are_those_of_any_run(kind):
    network, batch = tiny(kind), images(2, size=SIDE)
    made = outputs(network, batch)
    with torch.no_grad():
        assert torch.equal(made.logits, network(batch))
    assert network._heard is None


@pytest.mark.parametrize("kind", MADE)
def test_features_are_what_the_classifier_reads(kind):
    network, batch = tiny(kind), images(2, size=SIDE)
    made = outputs(network, batch)
    maps_mean = torch.allclose(made.features, made.stages[-1].mean(dim=(2, 3)), atol=1e-6)
    assert maps_mean == network.classifies_maps == (kind in ("swin", "mixer"))
    if kind == "deit":
        torch.testing.assert_close(network.network.head(made.features), made.heads["class"])
        with pytest.raises(UserError, match="its logits are not one linear layer"):
            _ = network.classifier
    else:
        torch.testing.assert_close(network.classifier(made.features), made.logits)


@pytest.mark.parametrize("training", [False, True])
def test_logits_of_two_heads_are_their_mean(timm, training):
    """Touvron et al. 2021 (arXiv:2012.12877) add both; timm and their code take the mean of the logits."""
    network, batch = tiny("deit").train(training), images(3, size=SIDE)
    logits, _, named = outputs_of(network, batch)
    own = network.network
    with torch.no_grad():
        tokens = own.forward_features(batch)
        expected = {"class": own.head(tokens[:, 0]), "distillation": own.head_dist(tokens[:, 1])}
    for name, head in expected.items():
        torch.testing.assert_close(named["heads"][name], head)
    torch.testing.assert_close(logits, (expected["class"] + expected["distillation"]) / 2)
    torch.testing.assert_close(network(batch), logits)


def test_an_exported_network_has_the_mean_of_both_heads(timm):
    network, batch = tiny("deit").eval(), images(2, size=SIDE)
    program = torch.export.export(network, (batch,))
    heads = outputs(network, batch).heads
    torch.testing.assert_close(program.module()(batch), (heads["class"] + heads["distillation"]) / 2)


def test_both_heads_are_new_where_the_rest_is_pretrained(timm):
    assert tiny("deit")._new == {"head", "head_dist"}
    assert tiny("vit")._new == {"heads.head"}


# Of twelve blocks after the second, fourth, tenth and last, as OFA-KD's authors have it.
STAGES = {
    "vit_tiny_patch16_224": ["blocks.1", "blocks.3", "blocks.9", "norm"],
    "mixer_s32_224": ["blocks.0", "blocks.2", "blocks.6", "norm"],  # of eight: 1, 3, 7, 8
    "cait_xxs24_224": ["blocks.3", "blocks.7", "blocks.19", "norm"],
    "xcit_nano_12_p16_224": ["blocks.1", "blocks.3", "blocks.9", "norm"],
    "levit_128s": ["stem.act1", "stem.act2", "stem.act3", "stages.0", "stages.1", "stages"],
    "twins_pcpvt_small": ["blocks.0.2", "blocks.1.3", "blocks.2.5", "norm"],
    "hiera_tiny_224": ["blocks.0", "blocks.2", "blocks.9", "blocks.11"],
    "pit_ti_224": [],  # puts tokens and class token out apart
}
QUICK = "vit_tiny_patch16_224", "mixer_s32_224", "pit_ti_224"


@pytest.mark.parametrize("name", sample(STAGES, QUICK))
def test_where_the_stages_end(timm, name):
    with torch.device("meta"):
        network = build(f"timm/{name}").eval()
        maps, logits = network.forward_stages(images(size=32).to("meta"))
    assert network._names == STAGES[name]
    assert logits.shape == (2, 7)
    sides = [stage.shape[2:] for stage in maps]
    assert all(height == width for height, width in sides)


@pytest.mark.full
@pytest.mark.parametrize(
    "name",
    [
        "vit_tiny_patch16_224",
        "deit_tiny_distilled_patch16_224",
        "beit_base_patch16_224",
        "vit_small_patch16_dinov3",
        "resmlp_12_224",
        "gmlp_s16_224",
        "hiera_tiny_224",
    ],
)
def test_stages_are_among_the_layers_that_timm_names(timm, name):
    with torch.device("meta"):
        network = build(f"timm/{name}").eval()
    about = [feature["module"] for feature in network.network.feature_info]
    inside = [[module for module in about if stage.startswith(module)] for stage in network._names]
    assert all(inside[:-1]), network._names


def test_tokens_without_a_grid_are_no_stages(timm):
    with torch.device("meta"):
        network = build("timm/pit_ti_224", classes=7)
    context = Context(tiny("swin"), network, (3, SIDE, SIDE), 7, None, 1)
    with pytest.raises(UserError, match="it cuts images into tokens, and their places are not known"):
        _ = context.teacher_stages


@pytest.mark.full
def test_compiled_it_gives_the_same(timm):
    network, batch = tiny("deit").eval(), images(2, size=SIDE)

    class Named(nn.Module):
        def __init__(self):
            super().__init__()
            self.network = network

        def forward(self, x):
            return outputs_of(self.network, x)

    with torch.no_grad():
        compiled = torch.compile(Named(), backend="aot_eager", fullgraph=True)(batch)
    made, expected = as_output(*compiled), outputs(network, batch)
    torch.testing.assert_close(made.logits, expected.logits)
    torch.testing.assert_close(made.tokens[3]["distillation"], expected.tokens[3]["distillation"])
