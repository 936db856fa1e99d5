"""Whether pretrained weights can be had."""

import pytest
import requests

from kd.proposal import weights


@pytest.fixture(autouse=True)
def no_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "huggingface"))
    weights.reachable.cache_clear()
    yield
    weights.reachable.cache_clear()


@pytest.mark.parametrize("package", ["torchvision", "timm"])
def test_a_server_is_asked_once_and_not_for_long(monkeypatch, package):
    asked = []

    def head(address, timeout, allow_redirects):
        asked.append((address, timeout))
        raise requests.ConnectTimeout

    monkeypatch.setattr(requests, "head", head)
    assert not weights.available(f"{package}/resnet18")
    assert not weights.available(f"{package}/resnet50")
    assert asked == [(weights.SERVERS[package], weights.PATIENCE)]
    assert not weights.available("resnet18")  # of this project: there are none


def test_a_server_that_answers(monkeypatch):
    response = requests.Response()
    response.status_code = 403
    monkeypatch.setattr(requests, "head", lambda *_, **__: response)
    assert weights.available("torchvision/resnet18")


@pytest.mark.parametrize(
    ("file", "architecture"),
    [
        ("torch/hub/checkpoints/resnet18-f37072fd.pth", "torchvision/resnet18"),
        ("huggingface/hub/models--timm--resnet18.a1_in1k/x", "timm/resnet18"),
    ],
)
def test_weights_on_the_disk_need_no_network(tmp_path, monkeypatch, file, architecture):
    monkeypatch.setattr(requests, "head", None)
    (tmp_path / file).parent.mkdir(parents=True)
    (tmp_path / file).touch()
    assert weights.available(architecture)
