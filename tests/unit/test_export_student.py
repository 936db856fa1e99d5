"""The folder in which a student is shipped: what its files answer, what its card says, what makes it fail."""

import hashlib
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
from shipped import MEAN, STD, job, normalised
from torch import nn

import export_student
from kd.errors import UserError
from kd.files import NotWritten
from kd.shipping import formats
from kd.shipping.card_lines import paper_of
from kd.shipping.folder import whole_folder
from kd.shipping.program import Shipped, program_of
from kd.shipping.verification import answers, check, compared, spread

pytestmark = pytest.mark.usefixtures("one_thread")
MODELS = ["model.onnx", "model.pt2", "model.safetensors", "model_int8.onnx"]


def logits_of(shipped):
    with torch.no_grad():
        return shipped.network(normalised(shipped.images)).numpy()


def test_the_folder_is_complete_and_its_weights_are_those_of_the_best_seed(shipped):
    others = ["README.md", "config.json", "preprocessor_config.json", "verification.json"]
    assert sorted(path.name for path in shipped.folder.iterdir()) == sorted(MODELS + others)
    assert not list(shipped.folder.parent.glob(".export*"))
    weights = (shipped.folder / "model.safetensors").read_bytes()
    assert weights == shipped.inputs["models"][1].read_bytes()
    config = json.loads((shipped.folder / "config.json").read_text())
    assert config["id2label"]["3"] == "3"
    assert config["label2id"]["8"] == 8
    assert (config["image_size"], config["num_channels"], config["seed"]) == ([8, 8], 1, 1)
    for name in MODELS:
        assert config["sha256"][name] == hashlib.sha256((shipped.folder / name).read_bytes()).hexdigest()
    before = json.loads((shipped.folder / "preprocessor_config.json").read_text())
    assert (before["image_mean"], before["image_std"]) == ([0.25], [0.5])


@pytest.mark.parametrize("count", [1, 2, 7, 150])
def test_pixels_go_in_and_the_networks_logits_come_out(shipped, count):
    expected, pixels = logits_of(shipped)[:count], shipped.images[:count, None]
    session = onnxruntime.InferenceSession(shipped.folder / "model.onnx")
    np.testing.assert_allclose(session.run(None, {"images": pixels})[0], expected, atol=1e-4)
    program = torch.export.load(shipped.folder / "model.pt2").module()
    np.testing.assert_allclose(program(torch.from_numpy(pixels)).detach(), expected, atol=1e-4)


def test_the_verification_says_what_is_found_again(shipped):
    found = json.loads((shipped.folder / "verification.json").read_text())
    chosen = np.rint(np.linspace(0, 149, 100)).astype(int)
    pixels, labels = shipped.images[chosen, None], shipped.labels[chosen]
    expected = logits_of(shipped)[chosen]
    assert (found["images"], found["test_images"], found["seed"]) == (100, 150, 1)
    assert found["largest_logit"] == pytest.approx(np.abs(expected).max(), rel=1e-5)
    right = (expected.argmax(1) == labels).mean()
    assert right > 0.6
    for name in ("pytorch", "program", "onnx"):
        scores = found["formats"][name]
        assert scores["accuracy"] == pytest.approx(100 * right)
        assert scores["same_predictions"] == 100
        assert scores["largest_difference"] < 1e-4
    session = onnxruntime.InferenceSession(shipped.folder / "model_int8.onnx")
    rounded = session.run(None, {"images": pixels})[0]
    scores = found["formats"]["int8"]
    assert scores["accuracy"] == pytest.approx(100 * (rounded.argmax(1) == labels).mean(), abs=1.01)
    assert scores["same_predictions"] > 90
    assert 0.001 < scores["largest_difference"] < np.abs(expected).max()
    for name, file in found["files"].items():
        assert found["bytes"][name] == (shipped.folder / file).stat().st_size
        assert all(0 < found["milliseconds"][batch][name]["median"] < 1000 for batch in ("1", "32"))


def card(shipped):
    text = (shipped.folder / "README.md").read_text()
    head, _, body = text.removeprefix("---\n").partition("\n---\n")
    return yaml.safe_load(head), body


def test_the_head_of_the_card_is_what_the_hub_reads(shipped):
    head, _ = card(shipped)
    assert (head["license"], head["license_name"]) == ("other", "see-model-card")
    assert head["pipeline_tag"] == "image-classification"
    assert {"onnx", "knowledge-distillation"} <= set(head["tags"])
    (model,) = head["model-index"]
    assert model["name"] == "digits-small-from-resnet18-by-hot"
    (result,) = model["results"]
    found = json.loads((shipped.folder / "verification.json").read_text())["formats"]["onnx"]
    values = {metric["type"]: metric["value"] for metric in result["metrics"]}
    assert values["accuracy"] == pytest.approx(found["accuracy"], abs=1e-4)
    assert result["dataset"]["name"] == "digits"


def test_the_card_tells_all_with_intervals_worked_out_by_hand(shipped):
    _, body = card(shipped)
    cells = dict(re.findall(r"(?m)^\| ([^|`]+?) \| ([^|]+?) \|$", body))
    assert cells["test accuracy of this model"] == "94.00 %"
    # Of two values the deviation is |a - b|/√2, and t(0.975, 1) = 12.7062 times that over √2 is 12.7062·|a - b|/2.
    assert cells["mean of the 2 seeds of its recipe"] == "92.00 ± 25.41 %"
    assert cells["the same student trained alone, mean"] == "88.50 ± 6.35 %"
    assert cells["gain over it, in points"] == "+3.50 ± 19.06"  # of +2 and +5
    assert cells["expected calibration error (15 bins)"] == "3.21 %"
    for said in (
        "unknown: nobody knows",
        "lr: 0.05",
        "epochs: 20",
        "arXiv:1503.02531",
        "taught in between: middle",
    ):
        assert said in body, said
    assert "0.1·CE + 0.9·T²·KL, T=4" in body
    assert "<b>" not in body.replace("\\<", "")
    assert "$$" not in body  # the formulas of methods are for their pages


def test_the_lines_of_the_card_load_the_model(shipped, tmp_path):
    """In a process of its own, in a folder that was copied elsewhere, on a picture whose class is known."""
    folder = tmp_path / "downloaded"
    shutil.copytree(shipped.folder, folder)
    _, body = card(shipped)
    blocks = re.findall(r"(?s)```python\n(.*?)\n```", body)
    assert len(blocks) == 3
    assert len(blocks[0].splitlines()) == 5
    place = int(np.flatnonzero(logits_of(shipped).argmax(1) == shipped.labels)[0])
    Image.fromarray(shipped.images[place]).save(folder / "image.png")
    done = subprocess.run([sys.executable, "-c", blocks[0]], cwd=folder, capture_output=True, text=True)
    assert done.stdout == f"{shipped.labels[place]}\n", done.stderr
    scripts = str(export_student.__file__).rpartition("/")[0]
    code = (
        f"import sys; sys.path.insert(0, {scripts!r})\n{blocks[1]}\nprint(tuple(logits.shape))\n{blocks[2]}"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True)
    assert done.stdout == "(1, 10)\n", done.stderr


def test_without_int_8_there_is_no_such_file_and_an_old_one_goes(shipped, tmp_path):
    folder = tmp_path / "export"
    folder.mkdir()
    (folder / "model_int8.onnx").write_text("old")
    export_student.main(job(int8=False, licence="mit"), **shipped.inputs, folder=folder)
    assert not (folder / "model_int8.onnx").exists()
    assert "model_int8" not in (folder / "README.md").read_text()
    head = yaml.safe_load((folder / "README.md").read_text().split("---\n")[1])
    assert head["license"] == "mit"
    assert "license_name" not in head


def test_weights_that_do_not_give_what_was_recorded_are_not_shipped(shipped, tmp_path):
    other = shipped.inputs | {"test_logits": shipped.inputs["test_logits"][::-1]}
    with pytest.raises(
        UserError, match=r"model\.safetensors: its logits differ by up to .* nothing is exported"
    ):
        export_student.main(job(int8=False), **other, folder=tmp_path / "export")
    assert list(tmp_path.iterdir()) == []


def test_a_program_that_answers_otherwise_is_not_shipped(shipped, tmp_path, monkeypatch):
    real = formats.program_of

    def shifted(network, image):
        network.mean += 25.5  # a tenth of the range
        try:
            return real(network, image)
        finally:
            network.mean -= 25.5

    monkeypatch.setattr(formats, "program_of", shifted)
    with pytest.raises(UserError, match=r"model\.pt2: its logits differ by up to"):
        export_student.main(job(int8=False), **shipped.inputs, folder=tmp_path / "export")
    assert list(tmp_path.iterdir()) == []


class Largest(nn.Module):
    """A network whose maps end in their maxima, which onnxruntime's symbolic shapes do not know."""

    def __init__(self):
        super().__init__()
        self.convolution, self.classifier = nn.Conv2d(1, 3, 3), nn.Linear(3, 2)

    def forward(self, images):
        return self.classifier(self.convolution(images).amax((2, 3), keepdim=True).mean((2, 3)))


def test_maxima_over_maps_are_quantised_too(tmp_path):
    torch.manual_seed(0)
    images = torch.randint(0, 256, (20, 1, 8, 8), dtype=torch.uint8).numpy()
    network = Shipped(Largest(), MEAN, STD).eval()
    answered = formats.write_formats(tmp_path, network, (1, 8, 8), images)
    logits, rounded = (answered[name](images) for name in ("pytorch", "int8"))
    np.testing.assert_allclose(rounded, logits, atol=0.03 * np.abs(logits).max())


class Counts(nn.Module):
    """A network that asks a batch for its length, which the first way of exporting takes for fixed."""

    def __init__(self):
        super().__init__()
        self.classifier = nn.Linear(64, 2)

    def forward(self, images):
        return self.classifier(images.flatten(1)) * images.new_ones(len(images), 1)


def test_a_network_that_asks_for_the_length_of_a_batch_takes_any():
    network = Shipped(Counts(), MEAN, STD).eval()
    program = program_of(network, (1, 8, 8)).module()
    images = torch.randint(0, 256, (5, 1, 8, 8), dtype=torch.uint8)
    torch.testing.assert_close(program(images), network(images))


def test_what_cannot_be_made_is_one_line(shipped, tmp_path, monkeypatch):
    def fail(*arguments):
        raise TypeError("no such shape\nand more")

    monkeypatch.setattr(formats, "write_int8", fail)
    says = r"model_int8\.onnx: cannot be made of this network \(no such shape\); leave it out with export: \{int8"
    with pytest.raises(UserError, match=says):
        export_student.main(job(), **shipped.inputs, folder=tmp_path / "export")
    assert list(tmp_path.iterdir()) == []


def run(accuracy, loss=1.0):
    return {"validation_accuracy": accuracy, "validation_loss": loss}


def test_the_best_seed_is_chosen_on_validation():
    assert export_student.choose([run(90), run(92), run(91)]) == 1
    assert export_student.choose([run(90, 0.3), run(90, 0.2), run(90, 0.2)]) == 1


def test_answers_are_compared_by_hand():
    expected = np.array([[2, 1], [0, 1], [3, 0], [0, 0.5]], dtype=np.float32)
    logits = np.array([[2, 1.5], [0, 1], [3, 0], [0.75, 0.5]], dtype=np.float32)
    found = compared(logits, expected, np.array([0, 1, 1, 1]))
    assert found["largest_difference"] == 0.75
    assert found["same_predictions"] == 75
    assert found["accuracy"] == 50


@pytest.mark.parametrize(("largest", "allowed"), [(0.00199, True), (0.00201, False), (float("nan"), False)])
def test_what_is_allowed_grows_with_the_logits(largest, allowed):
    found = {"largest_difference": largest, "same_predictions": 99.0}
    expected = np.array([[-20.0, 3.0]])
    if allowed:
        check("model.onnx", found, expected)
    else:
        with pytest.raises(UserError, match=r"model\.onnx: .* 0\.002 is allowed \(99\.00 %"):
            check("model.onnx", found, expected)


@pytest.mark.parametrize(("count", "sizes"), [(1, [1]), (2, [1, 1]), (65, [1, 64]), (130, [1, 64, 64, 1])])
def test_batches_of_every_size_are_tried(count, sizes):
    seen = []
    images = np.arange(count)

    def run(batch):
        seen.append(len(batch))
        return batch[:, None]

    assert answers(run, images)[:, 0].tolist() == images.tolist()
    assert seen == sizes


def test_images_are_taken_evenly():
    assert spread(10, 4).tolist() == [0, 3, 6, 9]
    assert spread(3, 10).tolist() == [0, 1, 2]


def fill(folder, breaks):
    with whole_folder(folder) as new:
        (new / "one").write_text("1")
        assert not folder.exists()
        if breaks:
            raise ValueError("half")


def test_a_folder_is_whole_or_absent(tmp_path):
    folder = tmp_path / "a" / "b"
    folder.mkdir(parents=True)
    (folder / "stale").write_text("x")
    with pytest.raises(ValueError, match="half"):
        fill(folder, breaks=True)
    assert list((tmp_path / "a").iterdir()) == []
    fill(folder, breaks=False)
    assert [path.name for path in folder.iterdir()] == ["one"]
    (tmp_path / "file").write_text("")
    with pytest.raises(NotWritten, match=r"file/c: cannot be written"), whole_folder(tmp_path / "file" / "c"):
        pass


def test_papers_are_those_that_the_methods_files_name():
    assert paper_of("crd").endswith("Tian, Krishnan & Isola 2020 (arXiv:1910.10699).")
    assert paper_of("kd").endswith('"Distilling the Knowledge in a Neural Network". arXiv:1503.02531')
