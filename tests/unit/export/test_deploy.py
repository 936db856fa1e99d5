"""The program of docs/how-to/deploy.md, which needs nothing but onnxruntime, numpy and Pillow."""

import re
from pathlib import Path

import numpy as np
import pytest
from exported import CLASSES
from PIL import Image

from kd.export.exported import load_exported

PAGE = Path(__file__).parents[3] / "docs" / "how-to" / "deploy.md"
PROGRAM = re.search(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)[1]


@pytest.mark.usefixtures("one_thread")
def test_it_predicts_what_predict_predicts(exported_student, tmp_path, monkeypatch, capsys):
    for name in ("model.onnx", "config.json"):
        (tmp_path / name).symlink_to(exported_student.folder / name)
    Image.fromarray(exported_student.images[3]).save(tmp_path / "image.png")
    monkeypatch.chdir(tmp_path)
    exec(PROGRAM, {})
    ((_, probabilities),) = load_exported(exported_student.folder).predictions(["image.png"])
    best = int(np.argmax(probabilities))
    assert capsys.readouterr().out == f"{CLASSES[best]} {probabilities[best]:.1%}\n"
