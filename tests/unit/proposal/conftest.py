"""A small folder of photos, and a machine without network and GPU."""

import numpy as np
import pytest
from PIL import Image

from kd.proposal import questions


@pytest.fixture
def photos(tmp_path, monkeypatch):
    """Three classes of 24 images, of 96x64 pixels; it lies in the working folder."""
    monkeypatch.chdir(tmp_path)
    random = np.random.RandomState(0)
    for name in ("cat", "dog", "owl"):
        folder = tmp_path / "my photos" / name
        folder.mkdir(parents=True)
        for number in range(24):
            small = random.randint(0, 256, (6, 6, 3)).astype(np.uint8)
            Image.fromarray(small).resize((96, 64)).save(folder / f"{number:02}.png", compress_level=0)
    return tmp_path / "my photos"


@pytest.fixture(autouse=True)
def machine(monkeypatch):
    """Whether there is a GPU, and whether weights can be had; neither, until a test says so."""
    state = {"gpu": False, "weights": False}
    monkeypatch.setattr(questions, "has_gpu", lambda: state["gpu"])
    monkeypatch.setattr(questions, "available", lambda architecture: "/" in architecture and state["weights"])
    return state
