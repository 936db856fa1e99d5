"""The temperature and the rejection threshold that an exported student recommends, and predict with them."""

import csv
import json
import shutil
from dataclasses import replace

import numpy as np
import onnxruntime
import pytest
from exported import small_export_job
from PIL import Image
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, softmax

import export_student
import predict
from kd.data.dataset import as_arrays, read_dataset, write_dataset
from kd.export.card.card import card_of

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def logits(exported_student):
    """Those of the exported network, by the split, with the labels."""
    data, place = read_dataset(exported_student.inputs["dataset"]), exported_student.folder.parent / "1"
    return {
        part: (
            np.load(place / f"{part}_logits.npy").astype(np.float64),
            getattr(data, f"{part}_labels").numpy(),
        )
        for part in ("validation", "test")
    }


def recommended(folder):
    return json.loads((folder / "config.json").read_text())["calibration"]


def test_the_values_are_those_of_the_validation_split_of_the_exported_seed(exported_student, logits):
    values = recommended(exported_student.folder)
    (validation, known), (test, labels) = logits["validation"], logits["test"]

    def nll(inverse):
        return -log_softmax(inverse * validation, axis=1)[range(50), known].mean()

    best = minimize_scalar(nll, bounds=(0.01, 10), method="bounded", options={"xatol": 1e-9})
    assert values["temperature"] == pytest.approx(1 / best.x, rel=1e-5)
    assert (values["validation_images"], values["target_accuracy"]) == (50, 0.99)
    session = onnxruntime.InferenceSession(exported_student.folder / "model.onnx")
    notes = session.get_modelmeta().custom_metadata_map
    assert {name: float(text) for name, text in notes.items()} == values
    verified = json.loads((exported_student.folder / "verification.json").read_text())["calibrated"]
    shares = softmax(test / values["temperature"], axis=1)
    taken = shares.max(1) >= values["rejection_threshold"]
    assert verified["test"]["coverage"] == pytest.approx(100 * taken.mean())
    assert verified["test"]["accuracy"] == pytest.approx(100 * (shares.argmax(1) == labels)[taken].mean())
    card = " ".join((exported_student.folder / "README.md").read_text().split())
    assert f"Recommended temperature: {values['temperature']:.4f}, fitted on 50 validation images" in card
    assert (
        f"Recommended rejection threshold: {values['rejection_threshold']:.4f}, of the probabilities" in card
    )
    assert f"on the test images {verified['test']['accuracy']:.2f} % (coverage" in card


def test_predict_uses_them_when_it_is_asked_to(exported_student, logits, tmp_path, capsys):
    values = recommended(exported_student.folder)
    for number in range(40):
        Image.fromarray(exported_student.images[number]).save(tmp_path / f"{number:02}.png")
    arguments = [str(exported_student.folder), str(tmp_path), "--top", "1"]
    files = tmp_path / "out.csv", tmp_path / "out.json"
    assert predict.main([*arguments, "--calibrated", "--csv", str(files[0]), "--json", str(files[1])]) == 0
    shares = softmax(logits["test"][0][:40] / values["temperature"], axis=1).max(1)
    rows = json.loads(files[1].read_text())
    assert [row["predictions"][0]["probability"] for row in rows] == pytest.approx(shares.tolist(), abs=1e-4)
    rejected = shares < values["rejection_threshold"]
    assert [row["rejected"] for row in rows] == rejected.tolist()
    assert 0 < rejected.sum() < 40
    with open(files[0], newline="") as file:
        assert [row["rejected"] == "yes" for row in csv.DictReader(file)] == rejected.tolist()
    lines = capsys.readouterr().out.splitlines()
    assert ["rejected" in line for line in lines] == rejected.tolist()
    assert predict.main([*arguments, "--json", str(files[1])]) == 0
    plain = json.loads(files[1].read_text())
    assert [row["predictions"][0]["probability"] for row in plain] == pytest.approx(
        softmax(logits["test"][0][:40], axis=1).max(1).tolist(), abs=1e-4
    )
    assert "rejected" not in plain[0]


@pytest.mark.parametrize(
    ("calibration", "message"),
    [
        (None, "config.json: recommends no temperature and no threshold: there was no validation split"),
        ({"temperature": 2.0}, "config.json: not that of an export (KeyError: 'rejection_threshold')"),
        (
            {"temperature": -1.0, "rejection_threshold": 0.5},
            "config.json: not that of an export (calibration: {",
        ),
        (
            {"temperature": "a", "rejection_threshold": 0.5},
            "config.json: not that of an export (ValueError: ",
        ),
    ],
)
def test_values_that_are_not_there_or_none_are_refused(
    exported_student, tmp_path, capsys, calibration, message
):
    folder = tmp_path / "export"
    shutil.copytree(exported_student.folder, folder)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"calibration": calibration}))
    Image.fromarray(exported_student.images[0]).save(tmp_path / "one.png")
    assert predict.main([str(folder), str(tmp_path / "one.png"), "--calibrated"]) == 1
    assert f"{folder}/{message}" in capsys.readouterr().err
    assert predict.main([str(folder), str(tmp_path / "one.png")]) == 0


def test_nulls_change_nothing(exported_student, tmp_path, capsys):
    """There is no temperature where all validation images are right, and no threshold where none is enough."""
    folder = tmp_path / "export"
    shutil.copytree(exported_student.folder, folder)
    config = json.loads((folder / "config.json").read_text())
    config["calibration"] |= {"temperature": None, "rejection_threshold": None}
    (folder / "config.json").write_text(json.dumps(config))
    Image.fromarray(exported_student.images[0]).save(tmp_path / "one.png")
    assert predict.main([str(folder), str(tmp_path / "one.png"), "--calibrated"]) == 0
    assert predict.main([str(folder), str(tmp_path / "one.png")]) == 0
    output = capsys.readouterr()
    calibrated, plain = output.out.splitlines()
    assert output.err == "note: no rejection threshold in this export: nothing is rejected\n"
    assert calibrated.split() == plain.split()


@pytest.mark.full
def test_without_a_validation_split_nothing_is_recommended(exported_student, tmp_path, monkeypatch):
    inputs = exported_student.inputs
    data = as_arrays(read_dataset(inputs["dataset"]))
    none = {f"validation_{kind}": getattr(data, f"validation_{kind}")[:0] for kind in ("images", "labels")}
    write_dataset(tmp_path / "data.safetensors", replace(data, **none))
    np.save(tmp_path / "none.npy", np.empty((0, 10), np.float32))
    changed = {"dataset": tmp_path / "data.safetensors", "validation_logits": [tmp_path / "none.npy"] * 2}
    folder = tmp_path / "export"
    export_student.main(small_export_job(int8=False), **inputs | changed, folder=folder)
    assert recommended(folder) is None
    session = onnxruntime.InferenceSession(folder / "model.onnx")
    assert session.get_modelmeta().custom_metadata_map == {}
    assert "No temperature and no rejection threshold are recommended" in (folder / "README.md").read_text()


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        (
            {"temperature": None},
            "No temperature is recommended: on the 50 validation images none has the lowest",
        ),
        ({"threshold": None}, "No rejection threshold is recommended: no confidence gives 99 % accuracy"),
        ({"threshold": 0}, "Nothing has to be rejected for 99 % accuracy on the validation images"),
    ],
)
def test_what_the_card_says_where_there_is_no_value(story, changes, says):
    made = story.verification["calibrated"] | changes
    body = card_of(replace(story, verification=story.verification | {"calibrated": made}), None)
    assert says in body
