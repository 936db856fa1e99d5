"""What predict says of pictures, and how it takes what is no picture and no export."""

import csv
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from exported import CLASSES, normalised
from PIL import Image
from scipy.special import softmax

import predict
from kd.export import exported
from kd.export.session import reason_of, session_of

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def pictures(exported_student, tmp_path):
    """Twelve digits as PNG files: two of them below another folder."""
    folder = tmp_path / "pictures"
    (folder / "more").mkdir(parents=True)
    for number in range(12):
        place = folder / ("more" if number >= 10 else ".") / f"{number:02}.png"
        Image.fromarray(exported_student.images[number]).save(place)
    return folder


def probabilities(exported_student, images):
    with torch.no_grad():
        return torch.softmax(exported_student.network(normalised(images)).double(), 1).numpy()


def test_digits_are_seen_as_the_network_sees_them(exported_student, pictures, tmp_path, capsys):
    files = {"csv": tmp_path / "out.csv", "json": tmp_path / "out.json"}
    arguments = [str(exported_student.folder), str(pictures), "--top", "2"]
    assert predict.main([*arguments, "--csv", str(files["csv"]), "--json", str(files["json"])]) == 0
    expected = probabilities(exported_student, exported_student.images[:12])
    order = (-expected).argsort(1)
    assert (order[:, 0] == exported_student.labels[:12]).mean() > 0.7
    rows = json.loads(files["json"].read_text())
    names = [Path(row["image"]).name for row in rows]
    assert names == [f"{number:02}.png" for number in range(12)]
    for number, row in enumerate(rows):
        for rank, prediction in enumerate(row["predictions"]):
            assert prediction["class"] == CLASSES[order[number, rank]]
            assert prediction["probability"] == pytest.approx(expected[number, order[number, rank]], abs=1e-4)
    with open(files["csv"], newline="") as file:
        lines = list(csv.DictReader(file))
    assert len(lines) == 24
    assert (lines[1]["rank"], lines[1]["class"]) == ("2", CLASSES[order[0, 1]])
    captured = capsys.readouterr()
    assert len(captured.out.splitlines()) == 12
    assert captured.err == ""


def test_what_cannot_be_read_is_named_at_the_end(exported_student, pictures, tmp_path, capsys):
    (pictures / "03.png").write_bytes(b"no picture")
    whole = (pictures / "05.png").read_bytes()
    (pictures / "05.png").write_bytes(whole[:60])
    Image.fromarray(np.zeros((8, 8), np.float32)).save(pictures / "float.tif")
    (pictures / "notes.txt").write_text("left out")
    (tmp_path / "empty").mkdir()
    places = [str(pictures), str(tmp_path / "empty"), str(tmp_path / "gone.png")]
    assert predict.main([str(exported_student.folder), *places]) == 1
    captured = capsys.readouterr()
    assert len(captured.out.splitlines()) == 10
    errors = captured.err.splitlines()
    assert len(errors) == 5
    for name, why in {
        "03.png": "cannot be read as an image",
        "05.png": "cannot be read as an image",
        "float.tif": "floating-point",
        "empty": "no image in this folder",
        "gone.png": "no such file or folder",
    }.items():
        assert any(line.startswith("error: ") and name in line and why in line for line in errors), name


def test_pictures_of_every_kind_are_brought_to_grey(exported_student, tmp_path):
    """The same digit in colour, with a palette, with alpha, in 16 bits, and larger, in the middle of a strip."""
    digit = exported_student.images[0]
    grey = Image.fromarray(digit)
    large = np.pad(np.kron(digit, np.ones((4, 4), np.uint8)), ((0, 0), (16, 16)))
    kinds = {
        "grey": grey,
        "colour": grey.convert("RGB"),
        "alpha": grey.convert("RGBA"),
        "grey_alpha": grey.convert("LA"),
        "palette": grey.convert("P"),
        "deep": Image.fromarray(digit.astype(np.uint16) * 257),
    }
    for name, picture in kinds.items():
        picture.save(tmp_path / f"{name}.png")
    network = exported.load_exported(exported_student.folder)
    predictions = dict(network.predictions([str(tmp_path / f"{name}.png") for name in kinds]))
    expected = probabilities(exported_student, exported_student.images[:1])[0]
    for file, answer in predictions.items():
        np.testing.assert_allclose(answer, expected, atol=1e-4, err_msg=file)
    Image.fromarray(large).save(tmp_path / "large.png")
    ((_, answer),) = network.predictions([str(tmp_path / "large.png")])
    assert answer.argmax() == expected.argmax()


def test_int8_is_run_when_it_is_asked_for(exported_student, pictures, tmp_path):
    arguments = [
        str(exported_student.folder),
        str(pictures),
        "--int8",
        "--top",
        "1",
        "--json",
        str(tmp_path / "out.json"),
    ]
    assert predict.main(arguments) == 0
    predictions = [row["predictions"][0] for row in json.loads((tmp_path / "out.json").read_text())]
    session = onnxruntime.InferenceSession(str(exported_student.folder / "model_int8.onnx"))
    (logits,) = session.run(None, {session.get_inputs()[0].name: exported_student.images[:12, None]})
    expected = softmax(logits.astype(np.float64), axis=1)
    assert [one["class"] for one in predictions] == [CLASSES[number] for number in expected.argmax(1)]
    confidences = [one["probability"] for one in predictions]
    assert confidences == pytest.approx(expected.max(1), abs=1e-5)
    in_float = probabilities(exported_student, exported_student.images[:12])
    assert confidences != pytest.approx(in_float.max(1), abs=1e-3)  # it is another network


def damaged(folder, name):
    path = folder / name
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def edited(folder, **changes):
    config = json.loads((folder / "config.json").read_text()) | changes
    (folder / "config.json").write_text(json.dumps(config))


WRONG = {
    "bit": (lambda folder: damaged(folder, "model.onnx"), "model.onnx: is not the file that was exported"),
    "no-config": (
        lambda folder: (folder / "config.json").unlink(),
        "holds no config.json; it has to be a fol",
    ),
    "no-model": (
        lambda folder: (folder / "model.onnx").unlink(),
        "holds no model.onnx; it has to be a folder",
    ),
    "broken-config": (lambda folder: (folder / "config.json").write_text("{"), "config.json: not whole"),
    "other-config": (lambda folder: edited(folder, id2label=[]), "config.json: not that of an export"),
    "classes": (
        lambda folder: edited(folder, id2label={"0": "a"}),
        "is not the network that config.json describes",
    ),
    "not-square": (lambda folder: edited(folder, image_size=[8, 9]), "which picture files are not"),
}


@pytest.mark.parametrize(("spoil", "says"), WRONG.values(), ids=WRONG)
def test_a_folder_that_is_no_whole_export_is_one_line(
    exported_student, pictures, tmp_path, capsys, spoil, says
):
    folder = tmp_path / "copy"
    shutil.copytree(exported_student.folder, folder)
    spoil(folder)
    assert predict.main([str(folder), str(pictures)]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert len(captured.err.splitlines()) == 1
    assert says in captured.err


def test_a_file_that_onnxruntime_cannot_read_is_one_line(exported_student, pictures, tmp_path, capsys):
    folder = tmp_path / "copy"
    shutil.copytree(exported_student.folder, folder)
    (folder / "model.onnx").write_bytes(b"nonsense")
    digest = subprocess.run(["sha256sum", str(folder / "model.onnx")], capture_output=True, text=True).stdout
    edited(folder, sha256={"model.onnx": digest.split()[0]})
    assert predict.main([str(folder), str(pictures)]) == 1
    assert "model.onnx: cannot be run" in capsys.readouterr().err


def test_a_network_that_fails_while_it_runs_is_one_line(exported_student, pictures, monkeypatch, capsys):
    class Fails:
        def __init__(self, session):
            self.get_inputs, self.get_outputs = session.get_inputs, session.get_outputs

        def run(self, *arguments):
            raise RuntimeError("[ONNXRuntimeError] : 6 : bad allocation of 1 TB\nof memory")

    monkeypatch.setattr(exported, "session_of", lambda *arguments: Fails(session_of(*arguments)))
    assert predict.main([str(exported_student.folder), str(pictures)]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.endswith("model.onnx: fails while it runs: [ONNXRuntimeError] : 6 : bad allocation of 1 TB")


def test_the_reason_stands_at_the_end_of_a_long_message(monkeypatch):
    reason = "Unsupported model IR version: 10, max supported IR version: 9"
    error = RuntimeError(f"[ONNXRuntimeError] : 1 : FAIL : Load model from {'x' * 300} failed: {reason}")
    monkeypatch.setattr(onnxruntime, "__version__", "1.17.3")
    assert reason_of(error).endswith(f"{reason}; this is onnxruntime 1.17.3, 1.18 is needed")
    monkeypatch.setattr(onnxruntime, "__version__", "1.18.0")
    assert reason_of(error).endswith(reason)


@pytest.mark.parametrize("top", ["0", "-1", "x", "1.5"])
def test_a_number_of_classes_that_cannot_be_is_refused(exported_student, capsys, top):
    with pytest.raises(SystemExit) as caught:
        predict.main([str(exported_student.folder), "a.png", "--top", top])
    assert caught.value.code == 2
    assert "whole number of 1 or more" in capsys.readouterr().err


def test_names_cannot_write_on_the_terminal(exported_student, pictures, capsys):
    (pictures / "00.png").rename(pictures / "a\x1b[31m.png")
    assert predict.main([str(exported_student.folder), str(pictures)]) == 0
    assert "\x1b" not in capsys.readouterr().out


def test_predicting_imports_no_torch():
    code = "import sys, predict; assert not {'torch', 'pandas', 'onnx'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(predict.__file__).parent)


def test_json_can_be_printed_and_is_then_alone(exported_student, pictures, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert (
        predict.main([str(exported_student.folder), str(pictures / "00.png"), "--top", "1", "--json", "-"])
        == 0
    )
    (row,) = json.loads(capsys.readouterr().out)
    assert row["image"] == str(pictures / "00.png")
    assert (
        predict.main([str(exported_student.folder), str(pictures / "00.png"), "--top", "1", "--csv", "-"])
        == 0
    )
    header, line = csv.reader(capsys.readouterr().out.splitlines())
    assert (header[0], line[2]) == ("image", row["predictions"][0]["class"])
    assert not (tmp_path / "-").exists()
    with pytest.raises(SystemExit):
        predict.main([str(exported_student.folder), str(pictures), "--json", "-", "--csv", "-"])
    assert "cannot both be printed" in capsys.readouterr().err


def test_names_that_the_terminal_cannot_write_lose_nothing(exported_student, tmp_path):
    picture = tmp_path / "käfer.png"
    Image.fromarray(exported_student.images[0]).save(picture)
    command = [
        sys.executable,
        "predict.py",
        str(exported_student.folder),
        str(picture),
        "--json",
        str(tmp_path / "a"),
    ]
    environment = os.environ | {"PYTHONIOENCODING": "ascii"}
    where = Path(predict.__file__).parent
    done = subprocess.run(command, cwd=where, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "k\\xe4fer.png" in done.stdout
    (row,) = json.loads((tmp_path / "a").read_text())
    assert row["image"] == str(picture)


def test_a_very_large_picture_is_one_line_of_ours(exported_student, pictures, capsys, caplog, recwarn):
    Image.fromarray(exported_student.images[0]).resize((1000, 1500)).save(pictures / "00.png")
    arguments = [str(exported_student.folder), str(pictures), "--max-megapixels"]
    assert predict.main([*arguments, "2"]) == 0
    assert [record.message for record in caplog.records] == [
        f"{pictures / '00.png'}: 2 megapixels, which take time and memory"
    ]
    assert not recwarn
    assert predict.main([*arguments, "1"]) == 1
    assert "more than the 1 million pixels that are allowed; shrink it, or" in capsys.readouterr().err


def test_of_a_folder_nothing_is_left_out_unsaid(exported_student, pictures, capsys, caplog):
    for name in ("photo.HEIC", "more/raw.dng", "notes.txt", "scan", ".DS_Store"):
        (pictures / name).write_bytes(b"")
    picture = Image.fromarray(exported_student.images[0])
    picture.save(pictures / "new.jfif", "JPEG")
    picture.save(pictures / "new.jp2")
    os.mkfifo(pictures / "pipe.png")
    (pictures / "link.png").symlink_to("nowhere.png")
    assert predict.main([str(exported_student.folder), str(pictures), str(pictures / "pipe.png")]) == 1
    captured = capsys.readouterr()
    assert len(captured.out.splitlines()) == 14
    errors = captured.err.splitlines()
    assert [line.split(": ")[1].rpartition("/")[2] for line in errors] == [
        *("link.png", "photo.HEIC", "pipe.png", "raw.dng", "pipe.png")
    ]
    assert "photo.HEIC: cannot be read as an image: convert it to .png or .jpg" in errors[1]
    assert "a pipe or a device, and no file" in errors[2]
    assert caplog.messages == [f"{pictures}: left out, no images by their suffix: .txt 1, without a suffix 1"]


def test_a_table_holds_no_formula(tmp_path):
    guesses = [{"class": name, "probability": 0.5} for name in ("=cmd|' C'!A0", "@SUM(1)", "a=b", "+1")]
    predict.write_csv(tmp_path / "out.csv", [{"image": "-x.png", "predictions": guesses}])
    with open(tmp_path / "out.csv", newline="") as file:
        _, *lines = csv.reader(file)
    assert {line[0] for line in lines} == {"'-x.png"}
    assert [line[2] for line in lines] == ["'=cmd|' C'!A0", "'@SUM(1)", "a=b", "'+1"]
