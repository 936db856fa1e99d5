"""Classifiers of timm, where it is installed."""

import pytest
import torch
from library_networks import build, images, student
from small_config import complaints
from tiers import FULL

from kd.errors import UserError
from kd.models.libraries.names import known_architecture, names


@pytest.fixture(autouse=True)
def _one_thread(one_thread):
    pass


@pytest.fixture
def timm():
    return pytest.importorskip("timm", reason="timm is optional: envs/requirements-timm.txt")


@pytest.mark.full
def test_the_names_of_timm(timm):
    known = names("timm")
    assert {name for name in known if "." not in name} == set(timm.list_models())
    for name in timm.list_pretrained():
        if name.partition("_vit_")[0] not in ("deepseek", "qwen3", "gemma4"):  # no classifiers
            assert known_architecture(f"timm/{name}").inside == (name,)
    with pytest.raises(UserError, match="Invalid pretrained tag"):
        build("timm/resnet18.openai")
    (line,) = complaints(**student("timm/resnet18.a1_in2k"))
    assert "timm has no classifier 'resnet18.a1_in2k'; did you mean 'resnet18.a1_in1k'?" in line


@pytest.mark.parametrize(
    ("name", "stem", "stages"),
    [
        ("resnet18", "cifar", [(64, 32), (128, 16), (256, 8), (512, 4)]),
        ("mobilenetv3_small_050", "cifar", [(16, 32), (8, 16), (16, 8), (24, 4), (288, 2)]),
        pytest.param(
            *("swin_tiny_patch4_window7_224", "own", [(96, 56), (192, 28), (384, 14), (768, 7)]), marks=FULL
        ),
        ("vit_tiny_patch16_224", "own", [(192, 14)] * 4),
    ],
)
def test_stages_of_timm(timm, name, stem, stages):
    with torch.device("meta"):
        network = build(f"timm/{name}", in_channels=1, stem=stem).eval()
        maps, logits = network.forward_stages(torch.zeros(2, 1, 32, 32))
    assert [(features.shape[1], features.shape[2]) for features in maps][: len(stages) - 1] == stages[:-1]
    assert [features.shape[2] for features in maps] == [side for _, side in stages]
    assert logits.shape == (2, 7)


def test_a_vision_transformer_of_timm_is_made_for_the_size(timm):
    network = build("timm/vit_tiny_patch16_224", input_size=32)
    assert network.network.pos_embed.shape[1] == 1 + (32 // 16) ** 2
    assert network(images(size=20)).shape == (2, 7)


def test_what_is_in_timm_and_no_classifier(timm):
    with torch.device("meta"), pytest.raises(UserError, match="is no classifier of images"):
        build("timm/qwen3_vit_88m_enc")
