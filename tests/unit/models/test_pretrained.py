"""Pretrained weights, fetched from a server of this machine: what is taken over, and what is refused."""

import hashlib
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
import torch
from tiers import sample
from torchvision import models

from kd.errors import UserError
from kd.models.libraries import pretrained as hub
from kd.networks.factory import build_network

NAME = "torchvision/shufflenet_v2_x0_5"
WEIGHTS = models.ShuffleNet_V2_X0_5_Weights.DEFAULT


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch, one_thread):
    """torch.hub's folder."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "home"))
    return tmp_path / "home" / "hub" / "checkpoints"


@contextmanager
def serving(folder):
    """An address below which the files of a folder are, and what has been asked for."""
    asked = []

    class Handler(SimpleHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            super().do_GET()

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(folder)))
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        server.server_close()


def weights(**changes):
    torch.manual_seed(5)
    return {**models.shufflenet_v2_x0_5().state_dict(), **changes}


def named(folder, content, digest=None):
    """A file of weights that is called as torchvision calls its own."""
    torch.save(content, folder / "new")
    digest = digest or hashlib.sha256((folder / "new").read_bytes()).hexdigest()[:8]
    return (folder / "new").rename(folder / f"net-{digest}.pth")


def fetch(monkeypatch, address, in_channels=3, name=NAME, **options):
    monkeypatch.setattr(WEIGHTS.value, "url", address)
    torch.manual_seed(0)
    network = build_network(name, {"pretrained": True, **options}, in_channels, 7)
    before = {key: value.clone() for key, value in network.network.state_dict().items()}
    network.load_pretrained()
    return before, network.network.state_dict()


@pytest.mark.parametrize("stem", sample(("own", "cifar"), ("cifar",)))
def test_all_but_what_is_new_is_taken_over(tmp_path, monkeypatch, home, stem):
    original = weights()
    file = named(tmp_path, original)
    with serving(tmp_path) as (address, asked):
        before, after = fetch(monkeypatch, f"{address}/{file.name}", stem=stem)
        fetch(monkeypatch, f"{address}/{file.name}", stem=stem)
    assert asked == [f"/{file.name}"]  # once
    assert (home / file.name).exists()
    new = {"fc.weight", "fc.bias"} | ({"conv1.0.weight"} if stem == "cifar" else set())
    assert {key for key in after if torch.equal(after[key], before[key]) and after[key].ndim > 1} == {
        key for key in new if key.endswith("weight")
    }
    for key in after.keys() - new:
        assert torch.equal(after[key], original[key]), key


def test_building_fetches_nothing(tmp_path, monkeypatch):
    """Else every student that reads a teacher's file would need a network."""
    with serving(tmp_path) as (address, asked):
        monkeypatch.setattr(WEIGHTS.value, "url", f"{address}/net-00000000.pth")
        build_network(NAME, {"pretrained": True}, 3, 7)
    assert asked == []


@pytest.mark.full
def test_grey_images_meet_the_sum_of_the_first_weights(tmp_path, monkeypatch):
    file = named(tmp_path, weights())
    with serving(tmp_path) as (address, _):
        _, after = fetch(monkeypatch, f"{address}/{file.name}", in_channels=1)
    torch.testing.assert_close(after["conv1.0.weight"], weights()["conv1.0.weight"].sum(1, keepdim=True))


@pytest.mark.full
def test_densenets_old_names_are_understood(monkeypatch, home):
    torch.manual_seed(5)
    with torch.device("meta"):
        own = models.densenet121()
    state = {name: torch.zeros(value.shape, dtype=value.dtype) for name, value in own.state_dict().items()}
    state["features.denseblock1.denselayer1.norm1.weight"] += 3
    for part in ("norm", "conv"):
        for number in "12":
            for key in [key for key in state if "denselayer" in key and f".{part}{number}." in key]:
                state[key.replace(f".{part}{number}.", f".{part}.{number}.")] = state.pop(key)
    home.mkdir(parents=True)
    file = named(home, state)
    monkeypatch.setattr(models.DenseNet121_Weights.DEFAULT.value, "url", f"http://127.0.0.1:1/{file.name}")
    network = build_network("torchvision/densenet121", {"pretrained": True}, 3, 7)
    network.load_pretrained()
    layer = network.network.features.denseblock1.denselayer1
    assert (layer.norm1.weight == 3).all()
    assert (layer.conv2.weight == 0).all()


def refused(monkeypatch, home, address, says, **options):
    with pytest.raises(UserError, match=says) as caught:
        fetch(monkeypatch, address, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_file_that_is_not_there(tmp_path, monkeypatch, home):
    with serving(tmp_path) as (address, _):
        url = f"{address}/net-01234567.pth"
        message = refused(monkeypatch, home, url, "HTTP Error 404")
    assert message.startswith(
        f"{NAME}: its weights could not be fetched from {url} (HTTP Error 404: File not found)"
    )
    assert message.endswith(f"put that file at {home / 'net-01234567.pth'}, or set pretrained: false")
    assert list(home.iterdir()) == []


def test_no_server(monkeypatch, home):
    refused(monkeypatch, home, "http://127.0.0.1:9/net-01234567.pth", "Connection refused")


def test_a_server_that_does_not_answer(tmp_path, monkeypatch, home):
    import socket

    monkeypatch.setattr(hub, "PATIENCE", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        refused(
            monkeypatch, home, f"http://127.0.0.1:{silent.getsockname()[1]}/net-01234567.pth", "timed out"
        )
    assert socket.getdefaulttimeout() is None


def test_another_file_than_the_name_says(tmp_path, monkeypatch, home):
    file = named(tmp_path, weights(), digest="01234567")
    with serving(tmp_path) as (address, _):
        url = f"{address}/{file.name}"
        refused(monkeypatch, home, url, r'invalid hash value \(expected "01234567"')
        assert list(home.iterdir()) == []
        file.rename(home / file.name)  # torch.hub itself trusts what lies there
        refused(monkeypatch, home, url, r"net-01234567\.pth: its SHA-256 begins with .*; delete it")


class Evil:
    def __reduce__(self):
        return exec, ("raise SystemExit('ran')",)


def test_a_file_that_would_run_code(tmp_path, monkeypatch, home):
    file = named(tmp_path, {"fc.weight": Evil()})
    with serving(tmp_path) as (address, _):
        refused(monkeypatch, home, f"{address}/{file.name}", "could not be fetched from")


@pytest.mark.parametrize(
    "change",
    [
        {"conv5.0.weight": torch.full((1024, 192, 1, 1), float("nan"))},
        {"conv5.1.running_var": torch.full((1024,), float("inf"))},
    ],
    ids=["weight", "statistic"],
)
def test_weights_that_are_no_numbers(tmp_path, monkeypatch, home, change):
    file = named(tmp_path, weights(**change))
    with serving(tmp_path) as (address, _):
        (name,) = change
        refused(monkeypatch, home, f"{address}/{file.name}", rf"do not fit, or are not finite, in '{name}'")


def test_weights_of_another_network(tmp_path, monkeypatch, home):
    file = named(tmp_path, models.squeezenet1_1().state_dict())
    with serving(tmp_path) as (address, _):
        refused(monkeypatch, home, f"{address}/{file.name}", "are not those of this version of torchvision")


@pytest.mark.full
def test_pretrained_weights_of_timm(tmp_path, monkeypatch, home):
    timm = pytest.importorskip("timm", reason="timm is optional: envs/requirements-timm.txt")
    torch.manual_seed(5)
    original = timm.create_model("mobilenetv3_small_050").state_dict()
    file = named(tmp_path, original)
    about = timm.models.get_pretrained_cfg("mobilenetv3_small_050")
    with serving(tmp_path) as (address, _):
        about.url, about.hf_hub_id = f"{address}/{file.name}", None
        monkeypatch.setattr(timm.models, "get_pretrained_cfg", lambda name: about)
        before, after = fetch(monkeypatch, "", name="timm/mobilenetv3_small_050", in_channels=1)
    assert torch.equal(after["classifier.weight"], before["classifier.weight"])
    torch.testing.assert_close(after["conv_stem.weight"], original["conv_stem.weight"].sum(1, keepdim=True))
    assert torch.equal(after["conv_head.weight"], original["conv_head.weight"])


def test_weights_that_timm_has_not(tmp_path, monkeypatch, home):
    pytest.importorskip("timm", reason="timm is optional: envs/requirements-timm.txt")
    network = build_network("timm/resnet14t", {"pretrained": True}, 3, 7)
    # The variable of that name was read when it was imported; without this it asks the internet.
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(UserError, match=r"^timm/resnet14t: its weights could not be fetched from timm/"):
        network.load_pretrained()
