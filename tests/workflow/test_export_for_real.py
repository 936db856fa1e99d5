"""Students are exported by a target of their own: what it makes, from what, and when it makes it again."""

import json
import re
import shutil
import subprocess
import sys

import numpy as np
import onnxruntime
import pytest
import torch
import yaml
from PIL import Image

from kd.data.dataset import read_dataset
from kd.export.formats import write_formats
from kd.export.pixels import calibration
from kd.export.program import WithNormalisation
from kd.networks.checkpoint import load_network
from kd.settings.export import Export

FILES = ["README.md", "config.json", "model.onnx", "model.pt2", "model.safetensors", "model_int8.onnx"]
FILES += ["preprocessor_config.json", "verification.json"]
BOTH = {"vgg16 cnn kd", "mobilenet cnn kd"}
pytestmark = pytest.mark.full


def made(checkout, export):
    return checkout.folder / "results/tiny/export" / export


def answers(folder, pixels):
    return onnxruntime.InferenceSession(folder / "model.onnx").run(None, {"images": pixels})[0]


def test_from_the_study_to_the_folder_and_to_predictions(finished, tmp_path):
    results = finished.folder / "results/tiny"
    assert not (results / "export").exists()
    times = {path: path.stat().st_mtime_ns for path in results.rglob("model.safetensors")}
    assert finished.pending("export") == {"export_student": BOTH, "export": {""}}
    finished.run("export")
    assert {path: path.stat().st_mtime_ns for path in times} == times
    assert finished.pending("export") == {}

    # The network of the best seed by validation answers as it did at the end of its training.
    folder = made(finished, "vgg16/cnn/kd")
    assert sorted(path.name for path in folder.iterdir()) == FILES
    runs = [results / f"distilled/vgg16/cnn/kd/{seed}" for seed in (0, 1)]
    metrics = [json.loads((run / "metrics.json").read_text()) for run in runs]
    best = max(
        (0, 1), key=lambda seed: (metrics[seed]["validation_accuracy"], -metrics[seed]["validation_loss"])
    )
    data = read_dataset(results / "data/dataset.safetensors")
    pixels = data.test_images.permute(0, 3, 1, 2).numpy()
    logits, recorded = answers(folder, pixels), np.load(runs[best] / "test_logits.npy")
    np.testing.assert_allclose(logits, recorded, atol=1e-3)
    verification = json.loads((folder / "verification.json").read_text())
    assert (verification["seed"], verification["images"]) == (best, 1438)
    for name in ("pytorch", "program", "onnx"):
        scores = verification["formats"][name]
        assert abs(scores["accuracy"] - metrics[best]["test_accuracy"]) < 0.1
        assert scores["same_predictions"] > 99.9
        assert scores["largest_difference"] < 1e-3

    # The same weights and images give the same bytes where the code lies elsewhere.
    again = tmp_path / "again"
    again.mkdir()
    network = load_network(folder / "model.safetensors", torch.device("cpu"))
    exported = WithNormalisation(network, data.mean, data.std).eval()
    values = json.loads((folder / "config.json").read_text())["calibration"]
    notes = {name: repr(value) for name, value in values.items() if value is not None}
    write_formats(again, exported, (1, 8, 8), calibration(data, Export()), notes)
    for name in ("model.onnx", "model.pt2", "model_int8.onnx"):
        assert (again / name).read_bytes() == (folder / name).read_bytes(), name

    # The card is read by the Hub, and its lines run where the folder was copied to.
    card = (folder / "README.md").read_text()
    assert yaml.safe_load(card.split("---\n")[1])["model-index"][0]["name"] == "tiny-cnn-from-vgg16-by-kd"
    copy = tmp_path / "downloaded"
    shutil.copytree(folder, copy)
    Image.fromarray(pixels[5, 0]).save(copy / "image.png")
    code = re.search(r"(?s)```python\n(.*?)\n```", card)[1]
    done = subprocess.run([sys.executable, "-c", code], cwd=copy, capture_output=True, text=True)
    assert done.stdout == f"{recorded[5].argmax()}\n", done.stderr
    predict = [sys.executable, "workflow/scripts/predict.py", str(copy), str(copy / "image.png")]
    done = subprocess.run(predict, cwd=finished.folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split()[1] == str(recorded[5].argmax())

    # What an export is made of makes it again, and nothing else does.
    finished.configure(export={"int8": False})
    assert finished.pending() == {"build_report": {""}}  # which shows the config
    assert finished.pending("export") == {"export_student": BOTH, "export": {""}}
    finished.configure(seeds=[0])
    assert finished.pending("export") == {"export_student": BOTH, "export": {""}}
    finished.configure()
    finished.edit("workflow/scripts/kd/export/card/card.md.jinja", "How well it does", "How good it is")
    assert finished.pending() == {}
    assert finished.pending("export") == {"export_student": BOTH, "export": {""}}


def test_methods_that_change_the_student_or_need_no_teacher_are_exported_as_well(finished):
    finished.configure(
        pairs=[["mobilenet", "cnn"]],
        methods={"simkd": {}, "label_smoothing": {}},
        seeds=[0],
        export={"int8": False, "images": 300},
    )
    finished.run("export")
    for export in ("mobilenet/cnn/simkd", "_none/cnn/label_smoothing"):
        folder = made(finished, export)
        assert not (folder / "model_int8.onnx").exists()
        pixels = read_dataset(finished.folder / "results/tiny/data/dataset.safetensors").test_images
        recorded = np.load(finished.folder / f"results/tiny/distilled/{export}/0/test_logits.npy")
        logits = answers(folder, pixels[:40].permute(0, 3, 1, 2).numpy())
        np.testing.assert_allclose(logits, recorded[:40], atol=1e-3 * np.abs(recorded).max())
    config = json.loads((made(finished, "mobilenet/cnn/simkd") / "config.json").read_text())
    assert "simkd" in config["changes"]
    finished.run("results/tiny/latency.json")
    known = json.loads((finished.folder / "results/tiny/latency.json").read_text())["networks"]
    assert (
        known["distilled/mobilenet/cnn/simkd"]["pytorch_ms"]["median"] > known["cnn"]["pytorch_ms"]["median"]
    )
    assert "None: this method needs no teacher." in (folder / "README.md").read_text()


def test_weights_that_are_not_those_of_their_metrics_are_one_line_and_no_folder(finished):
    results = finished.folder / "results/tiny"
    for seed in (0, 1):
        logits = results / f"distilled/vgg16/cnn/kd/{seed}/test_logits.npy"
        np.save(logits, np.load(logits) + 3)
    done = finished.snakemake("results/tiny/export/vgg16/cnn/kd/README.md")
    assert done.returncode == 1
    error = "error: model.safetensors: its logits differ by"
    # Once as the job says it, and in the closing lines.
    (line,) = {line[line.index(error) :] for line in done.stderr.splitlines() if error in line}
    assert "nothing is exported" in line
    assert "Traceback" not in (results / "logs/export_student/vgg16/cnn/kd.log").read_text()
    folder = made(finished, "vgg16/cnn/kd")
    assert not folder.exists() or list(folder.iterdir()) == []
    assert not list(folder.parent.glob(".*"))
