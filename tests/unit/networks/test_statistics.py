"""A network that was trained with another mean and deviation sees images as it is used to."""

import copy

import pytest
import torch

from kd.errors import UserError
from kd.networks.checkpoint import load_network, save_ensemble, save_network
from kd.networks.factory import build_network
from kd.networks.placement import place
from kd.networks.statistics import statistics, use_statistics

pytestmark = pytest.mark.usefixtures("one_thread")

DATA = (0.47, 0.51, 0.44), (0.25, 0.24, 0.27)
OWN = (0.4914, 0.4822, 0.4465), (0.2023, 0.1994, 0.2010)
CASES = {"cnn": {"channels": [4, 8]}, "vgg8": {"width": 0.125}, "torchvision/resnet18": {}}


def images_by(mean, std):
    """The same pixels, normalised by these."""
    pixels = torch.randint(0, 256, (2, 3, 32, 32), generator=torch.Generator().manual_seed(1)) / 255.0
    return (pixels - torch.tensor(mean).view(1, 3, 1, 1)) / torch.tensor(std).view(1, 3, 1, 1)


def network(name):
    torch.manual_seed(2)
    return build_network(name, CASES[name], 3, 4).eval()


@pytest.mark.parametrize("name", CASES)
def test_logits_and_maps_are_those_of_images_normalised_by_its_own(name):
    plain, changed = network(name), network(name)
    use_statistics(changed, statistics(*OWN, *DATA))
    with torch.no_grad():
        stages, logits = plain.forward_stages(images_by(*OWN))
        own_stages, own_logits = changed.forward_stages(images_by(*DATA))
        for mine, theirs in zip((*own_stages, own_logits), (*stages, logits), strict=True):
            torch.testing.assert_close(mine, theirs, rtol=1e-3, atol=1e-4)
        torch.testing.assert_close(changed(images_by(*DATA)), logits, rtol=1e-3, atol=1e-4)
        assert (plain(images_by(*DATA)) - logits).abs().max() > 1e-3
        assert torch.equal(copy.deepcopy(changed)(images_by(*DATA)), own_logits)


def test_a_file_and_an_ensemble_keep_it(tmp_path):
    kept = statistics(*OWN, *DATA)
    about = {"architecture": "cnn", "options": CASES["cnn"], "in_channels": 3, "num_classes": 4}
    state = network("cnn").state_dict()
    save_network(tmp_path / "own.safetensors", state, **about, statistics=kept)
    save_network(tmp_path / "plain.safetensors", state, **about)
    save_ensemble(
        tmp_path / "both.safetensors", [tmp_path / "own.safetensors", tmp_path / "plain.safetensors"], [1, 1]
    )
    own, plain, both = (
        load_network(tmp_path / f"{name}.safetensors", torch.device("cpu"))
        for name in ("own", "plain", "both")
    )
    with torch.no_grad():
        expected = network("cnn")(images_by(*OWN))
        torch.testing.assert_close(own(images_by(*DATA)), expected, rtol=1e-3, atol=1e-4)
        mean = (expected + plain(images_by(*DATA))) / 2
        torch.testing.assert_close(both(images_by(*DATA)), mean, rtol=1e-3, atol=1e-4)


def test_it_goes_to_the_device_with_its_network():
    changed = network("cnn")
    use_statistics(changed, statistics(*OWN, *DATA))
    assert place(changed, torch.device("meta")).stages[0].own_scale.device.type == "meta"
    assert changed.state_dict().keys() == network("cnn").state_dict().keys()


def test_without_it_a_file_is_as_it_was(tmp_path):
    about = {"architecture": "cnn", "options": CASES["cnn"], "in_channels": 3, "num_classes": 4}
    for name, more in (("a", {}), ("b", {"statistics": None})):
        save_network(tmp_path / name, network("cnn").state_dict(), **about, **more)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert b"statistics" not in (tmp_path / "a").read_bytes()


def test_as_many_numbers_as_channels():
    with pytest.raises(UserError, match="mean and std: 3 numbers, but the images have 1 channels"):
        statistics(*OWN, (0.5,), (0.25,))
