"""A teacher with the user's weights: its network, its metrics, and what ends the job."""

import json
import logging

import numpy as np
import pytest
import torch

import import_weights
from kd.data.augmentation import Augmentation
from kd.data.dataset import Dataset, write_dataset
from kd.errors import UserError
from kd.jobs.teachers import ExternalJob
from kd.networks.checkpoint import load_network
from kd.networks.factory import build_network
from kd.plan.user_files import content
from kd.settings.compute import Compute

OPTIONS = {"channels": [4, 8], "width": 1.0}
ABOUT = {"architecture": "cnn", "options": OPTIONS}
NAMES = ("a", "b", "c")
PARTS = ("train", "validation", "test")
CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def _one_thread(one_thread):
    pass


def data(folder, classes=NAMES):
    """Images of random pixels around 40, 128 or 215 by their class."""
    random = np.random.default_rng(0)
    labels = np.arange(30) % 3
    levels = np.array([40, 128, 215])[labels][:, None, None, None]
    arrays = {
        f"{part}_images": (levels + random.integers(-20, 21, (30, 8, 8, 1))).astype(np.uint8)
        for part in PARTS
    }
    arrays |= {f"{part}_labels": labels for part in PARTS}
    facts = {"classes": classes, "mean": (0.5,), "std": (0.25,), "augmentation": Augmentation(1, True)}
    write_dataset(folder / "data.safetensors", Dataset(**arrays, **facts))
    return arrays


def teacher(mean=0.5, std=0.25, order=(0, 1, 2)):
    """A network that is right on `data` whose pixels are normalised by `mean` and `std`.

    Its features are relu(x - c) for two thresholds c between the classes, in these units.
    """
    network = build_network("cnn", OPTIONS, 1, 3)
    low, high = ((level / 255 - mean) / std for level in (84, 172))
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.zero_()
        for stage in (0, 1):
            norm = network.get_submodule(f"stages.{stage}")[-1][1]
            norm.weight.fill_((1 + norm.eps) ** 0.5)
        first, second = (network.get_submodule(f"stages.{stage}")[-1][0] for stage in (0, 1))
        norm = network.get_submodule("stages.0")[-1][1]
        first.weight[:2, 0, 1, 1] = 1
        norm.bias[:2] = torch.tensor([-low, -high])
        for channel in (0, 1):
            second.weight[channel, channel, 1, 1] = 1
        # Dark: neither is above 0; middle: the first is; bright: the second is by more than a little.
        rows = torch.tensor([[-4.0, 0.0], [1.0, -4.0], [0.5, 4.0]])
        network.classifier.weight[:, :2] = rows[list(order)]
        network.classifier.bias.copy_(torch.tensor([0.5, 0.0, -0.5])[list(order)])
    return network.eval()


def run(folder, checkpoint, about=ABOUT, **job):
    torch.save(checkpoint, folder / "mine.pth")
    sha256 = content(str(folder / "mine.pth"), "x", folder / "cache")
    made = [
        folder / name
        for name in ("model.safetensors", "metrics.json", "test_logits.npy", "validation_logits.npy")
    ]
    job = ExternalJob(name="mine", **about, sha256=sha256, **job)
    import_weights.main(
        job, folder / "data.safetensors", folder / "mine.pth", *made, compute=Compute(device="cpu")
    )
    return made, sha256


def test_its_metrics_are_those_of_the_weights(tmp_path, caplog):
    caplog.set_level(logging.INFO, "kd")
    arrays = data(tmp_path)
    made, sha256 = run(tmp_path, {"net": teacher().state_dict(), "acc": 1.0})
    images = (torch.from_numpy(arrays["test_images"]).permute(0, 3, 1, 2) / 255 - 0.5) / 0.25
    with torch.no_grad():
        expected = teacher()(images)
    np.testing.assert_allclose(np.load(made[2]), expected.numpy(), rtol=1e-4, atol=1e-5)
    metrics = json.loads(made[1].read_text())
    assert metrics["test_accuracy"] == metrics["validation_accuracy"] == 100
    assert (metrics["name"], metrics["role"], metrics["architecture"]) == ("mine", "teacher", "cnn")
    assert metrics["loss_function"] == f"weights given ({sha256[:8]})"
    assert metrics["epochs"] is None
    assert torch.equal(load_network(made[0], CPU).classifier.weight, teacher().classifier.weight)
    assert "14 tensors taken by name; left out: acc of the file" in caplog.text
    assert "test accuracy 100.00 %" in caplog.text


def test_a_teacher_of_another_mean_and_deviation(tmp_path):
    """Its own say what its thresholds are; with the data set's it would see other brightnesses."""
    arrays = data(tmp_path)
    theirs = teacher(mean=0.2, std=0.1)
    made, _ = run(tmp_path, theirs.state_dict(), mean=[0.2], std=[0.1])
    images = (torch.from_numpy(arrays["test_images"]).permute(0, 3, 1, 2) / 255 - 0.2) / 0.1
    with torch.no_grad():
        expected = theirs(images)
    np.testing.assert_allclose(np.load(made[2]), expected.numpy(), rtol=1e-4, atol=1e-4)
    assert json.loads(made[1].read_text())["test_accuracy"] == 100
    with pytest.raises(UserError, match=r"(?s)mine\.pth: at chance on this data: .*another mean and std"):
        run(tmp_path, theirs.state_dict())


def test_its_channels_are_those_of_the_images(tmp_path):
    data(tmp_path)
    with pytest.raises(UserError, match="mean and std: 3 numbers, but the images have 1 channels"):
        run(tmp_path, teacher().state_dict(), mean=[0.1] * 3, std=[0.2] * 3)


def test_another_order_of_classes_ends_the_job_and_is_shown(tmp_path):
    data(tmp_path)
    with pytest.raises(UserError) as caught:
        run(tmp_path, teacher(order=(1, 2, 0)).state_dict())
    assert str(caught.value) == (
        f"{tmp_path}/mine.pth: its outputs are in another order of classes: 0.0% of the images right, but 100.0%"
        " if they are [b, c, a]; the order of the data set is [a, b, c]. Put the rows of its last layer into that"
        " order: weight[order] and bias[order] with order = [2, 0, 1]"
    )


def test_names_of_the_classes_in_the_file_are_compared(tmp_path):
    data(tmp_path)
    checkpoint = {"state_dict": teacher().state_dict(), "classes": ["b", "a", "c"]}
    with pytest.raises(UserError, match=r"its label 0 is 'b', and that of the data set 'a'"):
        run(tmp_path, checkpoint)


@pytest.mark.full
def test_a_network_of_timm_as_it_saves_itself(tmp_path, caplog):
    """Beside a loss, as of a training script; its last layer is solved for, so that it is right on these images."""
    timm = pytest.importorskip("timm", reason="timm is optional: envs/requirements-timm.txt")
    caplog.set_level(logging.INFO, "kd")
    arrays = data(tmp_path)
    torch.manual_seed(3)
    theirs = timm.create_model("test_resnet", in_chans=1, num_classes=3).eval()
    images = {
        part: (torch.from_numpy(arrays[f"{part}_images"]).permute(0, 3, 1, 2) / 255 - 0.5) / 0.25
        for part in PARTS
    }
    with torch.no_grad():
        features = theirs.forward_head(
            theirs.forward_features(torch.cat(list(images.values()))), pre_logits=True
        )
        ones = torch.ones(len(features), 1)
        labels = torch.eye(3)[torch.from_numpy(np.tile(arrays["test_labels"], 3))]
        solved = torch.linalg.lstsq(torch.cat([features, ones], 1).double(), labels.double(), driver="gelsd")
        theirs.fc.weight.copy_(solved.solution[:-1].T)
        theirs.fc.bias.copy_(solved.solution[-1])
        expected = theirs(images["test"])
    assert (expected.argmax(1).numpy() == arrays["test_labels"]).all()
    plain = theirs.state_dict()
    about = {"architecture": "timm/test_resnet", "options": {}}
    for checkpoint, says in (
        ({"state_dict": plain, "epoch": 3, "arch": "test_resnet"}, "left out: epoch, arch of the file"),
        (
            {
                "state_dict": {f"model.{name}": value for name, value in plain.items()}
                | {"loss.w": torch.ones(3)}
            },
            "left out: the prefix 'model.' of their names, and loss.w without it",
        ),
    ):
        caplog.clear()
        made, _ = run(tmp_path, checkpoint, about)
        np.testing.assert_allclose(np.load(made[2]), expected.numpy(), rtol=1e-3, atol=1e-4)
        assert f"{len(plain)} tensors taken by name; {says}" in caplog.text
        assert "a network of timm knows images by another mean and std" in caplog.text
        assert "test accuracy 100.00 %" in caplog.text
