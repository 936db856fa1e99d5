"""Whether pretrained weights can be had: from a cache on the disk, or over the network."""

import os
from functools import cache
from pathlib import Path

import requests

PATIENCE = 3.0  # seconds for a server to answer
SERVERS = {"torchvision": "https://download.pytorch.org", "timm": "https://huggingface.co"}


def available(architecture: str) -> bool:
    """Whether the pretrained weights of "package/name" are on the disk, or their server answers."""
    package, _, name = architecture.partition("/")
    if package not in SERVERS:
        return False
    return _on_disk(package, name) or reachable(package)


@cache
def reachable(package: str) -> bool:
    """Whether the server with the weights of a library answers within PATIENCE."""
    try:
        return requests.head(SERVERS[package], timeout=PATIENCE, allow_redirects=False).status_code < 500
    except requests.RequestException:
        return False


def _on_disk(package: str, name: str) -> bool:
    """In the folders of torch.hub and huggingface_hub."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    if package == "torchvision":
        folder = Path(os.environ.get("TORCH_HOME") or cache / "torch") / "hub" / "checkpoints"
        return any(folder.glob(f"{name}-*.pth"))
    folder = Path(os.environ.get("HF_HOME") or cache / "huggingface") / "hub"
    return any(folder.glob(f"models--timm--{name}*"))
