"""Networks of torchvision as teacher and student, from the config to the table."""

import json

import pandas as pd
import pytest
from refusal import PREPARED, refused

NET = "torchvision/shufflenet_v2_x0_5"
pytestmark = pytest.mark.full


def test_a_student_of_a_library(fresh):
    """Its code is its library's file: an edit there reruns it, and its teacher not."""
    fresh.configure(
        teachers={"cnn": {"width": 0.25}},
        students={"shuffle": {"architecture": NET, "stem": "cifar"}},
        methods={"kd": {}, "at": {}},
        recipe={"epochs": 1, "batch_size": 64, "lr": 0.05},
        seeds=[0],
    )
    fresh.run()
    metrics = json.loads((fresh.folder / "results/tiny/distilled/cnn/shuffle/at/0/metrics.json").read_text())
    # Shuffle V2 0.5x for colour and 1000 classes has 1,366,792 parameters, as torchvision publishes; 990 classes
    # of 1024 weights and a bias fewer, and the weights of two colours in a stem of 24 times 3x3.
    assert metrics["parameters"] == 1_366_792 - 1025 * 990 - 2 * 9 * 24
    table = pd.read_csv(fresh.folder / "results/tiny/table.csv")
    assert set(table[table["role"] == "distilled student"]["method"]) == {"kd", "at"}
    assert fresh.pending() == {}
    fresh.edit("workflow/scripts/kd/models/torchvision.py", '"init_weights": True', '"init_weights": bool(1)')
    trainings = {rule for rule in fresh.pending() if "train_" in rule or "distill_" in rule}
    assert trainings == {"train_baseline", "distill_student"}


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (
            {"architecture": "torchvision/vgg11", "stem": "cifar"},
            "torchvision/vgg11: stem: 'cifar' is for networks that begin with a strided convolution, and this",
        ),
        (
            {"architecture": "torchvision/squeezenet1_1"},
            "torchvision/squeezenet1_1 cannot take images of 8x8 pixels (…); give it a larger input_size",
        ),
    ],
    ids=["stem", "size"],
)
def test_what_does_not_fit_is_one_line_of_the_job(fresh, options, says):
    fresh.configure(students={"net": options})
    refused(fresh, "results/tiny/alone/net/0/model.safetensors", says=[says], made=PREPARED)


def test_pretrained_weights_that_cannot_be_fetched(fresh, monkeypatch):
    """A file of another content lies where torch.hub keeps its own, so that no network is needed to fail."""
    from torchvision.models import ShuffleNet_V2_X0_5_Weights

    name = ShuffleNet_V2_X0_5_Weights.DEFAULT.url.rpartition("/")[2]
    file = fresh.folder.parent / "home" / "hub" / "checkpoints" / name
    file.parent.mkdir(parents=True)
    file.write_bytes(b"something else")
    monkeypatch.setenv("TORCH_HOME", str(fresh.folder.parent / "home"))
    fresh.configure(teachers={"big": {"architecture": NET, "pretrained": True}})
    target = "results/tiny/teachers/big/model.safetensors"
    refused(fresh, target, says=[f"…{name}: its SHA-256 begins with "], made=PREPARED)
