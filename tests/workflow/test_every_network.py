"""What is trained can be read again: every own architecture and every classifier of torchvision.

The scripts are called as functions: trained, cut off and resumed, read, exported.
"""

import json

import numpy as np
import pytest
import torch
from small_jobs import outputs_in
from torch import nn

import train
from kd import registry
from kd.data.augmentation import Augmentation
from kd.data.dataset import Dataset, read_dataset, write_dataset
from kd.errors import UserError
from kd.export.formats import write_formats
from kd.export.pixels import image_shape, pixels
from kd.export.program import WithNormalisation
from kd.jobs.training import TrainJob
from kd.models.libraries.names import names
from kd.networks.checkpoint import load_network
from kd.networks.factory import build_network
from kd.networks.state import load_state
from kd.settings.compute import Compute
from kd.settings.recipe import Recipe
from kd.training import outputs as outcome

SIDES, CLASSES = (32, 64), ("a", "b", "c")  # pixels, for own architectures and for those of torchvision
FACTS = {"classes": CLASSES, "mean": (0.5,) * 3, "std": (0.25,) * 3, "augmentation": Augmentation(0)}
LARGE = 6e6  # parameters; networks with more are read again as shapes, without training
EXPORTED = ("vgg8", "torchvision/mnasnet0_5")  # each takes long
FIXED = {"inception_v3": {"input_size": 75}}  # the smallest that it takes

pytestmark = [pytest.mark.full, pytest.mark.usefixtures("one_thread")]


@pytest.fixture(scope="module")
def datasets(tmp_path_factory):
    """A file of random images for each of SIDES."""
    folder, random = tmp_path_factory.mktemp("data"), np.random.default_rng(0)
    for side in SIDES:
        arrays = {}
        for part, count in (("train", 4), ("validation", 3), ("test", 3)):
            arrays[f"{part}_images"] = random.integers(0, 256, (count, side, side, 3), dtype=np.uint8)
            arrays[f"{part}_labels"] = np.arange(count) % 3
        write_dataset(folder / f"{side}.safetensors", Dataset(**arrays, **FACTS))
    return {side: folder / f"{side}.safetensors" for side in SIDES}


def options(name):
    fields = registry.find_architecture(name).options.model_fields
    own = {"width": 0.125} if "width" in fields else {}
    return own | FIXED.get(name.removeprefix("torchvision/"), {})


def shapes_of(name, monkeypatch):
    """The network without memory; some compute their widths with tensors, so weights alone are on meta."""
    register = nn.Module.register_parameter

    def without_memory(module, key, parameter):
        register(module, key, parameter)
        if parameter is not None:
            module._parameters[key] = nn.Parameter(parameter.to("meta"))

    with monkeypatch.context() as patch:
        patch.setattr(nn.Module, "register_parameter", without_memory)
        return build_network(name, options(name), 3, len(CLASSES))


NAMES = [*registry.architectures(), *(f"torchvision/{name}" for name in sorted(names("torchvision")))]


@pytest.mark.parametrize("name", NAMES)
def test_it_is_trained_resumed_and_read_again(name, datasets, tmp_path, monkeypatch):
    shapes = shapes_of(name, monkeypatch)
    load_state(shapes, dict(shapes.state_dict()))
    if sum(parameter.numel() for parameter in shapes.parameters()) > LARGE:
        return
    dataset = datasets[SIDES["/" in name]]
    what = TrainJob(
        role="alone",
        name="one",
        architecture=name,
        options=options(name),
        recipe=Recipe(epochs=2, batch_size=2, lr=1e-6),
        methods=[("cross_entropy", {})],
        seed=0,
    )
    settings = {"compute": Compute(device="cpu"), "work": tmp_path / "work"}

    def cut_off(*arguments, **more):
        raise UserError("cut off")

    with monkeypatch.context() as broken:
        broken.setattr(outcome, "save_network", cut_off)
        with pytest.raises(UserError, match="cut off"):
            train.main(what, dataset, outputs_in(tmp_path), **settings)
    train.main(what, dataset, outputs_in(tmp_path), **settings)
    network = load_network(tmp_path / "model.safetensors", torch.device("cpu"))
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    assert metrics["selected_epoch"] in (1, 2)
    data = read_dataset(dataset)
    exported = WithNormalisation(network, data.mean, data.std).eval()
    pictures = pixels(data.test_images, np.arange(3))
    with torch.inference_mode():
        logits = exported(torch.from_numpy(pictures)).numpy()
    written = np.load(tmp_path / "test_logits.npy")
    np.testing.assert_allclose(logits, written, rtol=1e-3, atol=1e-3 * np.abs(written).max())
    if name in EXPORTED:
        runs = write_formats(tmp_path, exported, image_shape(data), None)
        for run in runs.values():
            np.testing.assert_allclose(run(pictures), logits, rtol=1e-3, atol=1e-3 * np.abs(logits).max())
