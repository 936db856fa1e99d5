"""The folder in which a student is exported: what its files answer, what its card says, what makes it fail."""

import hashlib
import json
import re
import sys
import zipfile
from pathlib import Path
from tempfile import gettempdir

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from exported import MEAN, STD, normalised, small_export_job
from torch import nn

import export_student
from kd.errors import UserError
from kd.export import formats
from kd.export.program import WithNormalisation, program_of
from kd.export.session import IR_VERSION, OLDEST, OPSET
from kd.io.atomic import NotWritten, atomic_folder

ROOT = Path(__file__).parents[3]
pytestmark = pytest.mark.usefixtures("one_thread")
MODELS = ["model.onnx", "model.pt2", "model.safetensors", "model_int8.onnx"]


def logits_of(exported_student):
    with torch.no_grad():
        return exported_student.network(normalised(exported_student.images)).numpy()


def test_the_folder_is_complete_and_its_weights_are_those_of_the_best_seed(exported_student):
    others = ["README.md", "config.json", "preprocessor_config.json", "verification.json"]
    assert sorted(path.name for path in exported_student.folder.iterdir()) == sorted(MODELS + others)
    assert not list(exported_student.folder.parent.glob(".export*"))
    weights = (exported_student.folder / "model.safetensors").read_bytes()
    assert weights == exported_student.inputs["models"][1].read_bytes()
    config = json.loads((exported_student.folder / "config.json").read_text())
    assert config["id2label"]["3"] == "3"
    assert config["label2id"]["8"] == 8
    assert (config["image_size"], config["num_channels"], config["seed"]) == ([8, 8], 1, 1)
    for name in MODELS:
        assert (
            config["sha256"][name]
            == hashlib.sha256((exported_student.folder / name).read_bytes()).hexdigest()
        )


@pytest.mark.parametrize("count", [1, 2, 7, 150])
def test_pixels_go_in_and_the_networks_logits_come_out(exported_student, count):
    expected, pixels = logits_of(exported_student)[:count], exported_student.images[:count, None]
    session = onnxruntime.InferenceSession(exported_student.folder / "model.onnx")
    np.testing.assert_allclose(session.run(None, {"images": pixels})[0], expected, atol=1e-4)
    program = torch.export.load(exported_student.folder / "model.pt2").module()
    np.testing.assert_allclose(program(torch.from_numpy(pixels)).detach(), expected, atol=1e-4)


def test_the_verification_says_what_is_reproduced(exported_student):
    verification = json.loads((exported_student.folder / "verification.json").read_text())
    chosen = np.rint(np.linspace(0, 149, 100)).astype(int)
    pixels, labels = exported_student.images[chosen, None], exported_student.labels[chosen]
    expected = logits_of(exported_student)[chosen]
    assert (verification["images"], verification["test_images"], verification["seed"]) == (100, 150, 1)
    assert verification["largest_logit"] == pytest.approx(np.abs(expected).max(), rel=1e-5)
    right = (expected.argmax(1) == labels).mean()
    assert right > 0.6
    for name in ("pytorch", "program", "onnx"):
        scores = verification["formats"][name]
        assert scores["accuracy"] == pytest.approx(100 * right)
        assert scores["same_predictions"] == 100
        assert scores["largest_difference"] < 1e-4
    session = onnxruntime.InferenceSession(exported_student.folder / "model_int8.onnx")
    rounded = session.run(None, {"images": pixels})[0]
    scores = verification["formats"]["int8"]
    assert scores["accuracy"] == pytest.approx(100 * (rounded.argmax(1) == labels).mean(), abs=1.01)
    assert scores["same_predictions"] > 90
    assert 0.001 < scores["largest_difference"] < np.abs(expected).max()
    for name, file in verification["files"].items():
        assert verification["bytes"][name] == (exported_student.folder / file).stat().st_size
        assert all(0 < verification["milliseconds"][batch][name]["median"] < 1000 for batch in ("1", "32"))


def contents(path):
    """What a file holds, that of an archive unpacked."""
    if not zipfile.is_zipfile(path):
        return path.read_bytes()
    with zipfile.ZipFile(path) as archive:
        return b"".join(archive.read(name) for name in archive.namelist())


def test_no_file_says_on_whose_machine_it_was_made(exported_student):
    private = {str(ROOT), sys.prefix, str(Path(torch.__file__).parents[1]), str(Path.home()), gettempdir()}
    private |= {str(exported_student.folder.parent), "stack_trace", "forward(", 'File "'}
    for path in exported_student.folder.iterdir():
        assert [text for text in private if text.encode() in contents(path)] == [], path.name


@pytest.mark.parametrize("name", ["model.onnx", "model_int8.onnx"])
def test_the_onnx_files_hold_no_notes_and_call_their_batch_so(exported_student, name):
    model = onnx.load(exported_student.folder / name)
    own = {entry.key for entry in model.metadata_props}  # recommended values, of the network in float32
    values = {"temperature", "rejection_threshold", "target_accuracy", "validation_images"}
    assert own == (values if name == "model.onnx" else set())
    del model.metadata_props[:]
    assert not re.search("metadata_props|doc_string", str(model))
    for value in (model.graph.input[0], model.graph.output[0]):
        assert value.type.tensor_type.shape.dim[0].dim_param == "batch"


@pytest.mark.parametrize("name", ["model.onnx", "model_int8.onnx"])
def test_the_versions_are_those_that_card_and_documents_name(exported_student, name):
    model = onnx.load(exported_student.folder / name)
    (opset,) = [entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx")]
    assert (model.ir_version, opset) == (IR_VERSION, OPSET)
    named = f"IR version {IR_VERSION}, opset {OPSET}"
    document = (ROOT / "docs/export.md").read_text(encoding="utf-8")
    for text in ((exported_student.folder / "README.md").read_text(encoding="utf-8"), document):
        assert named in text
        assert f"onnxruntime {OLDEST} or newer" in text


def test_the_weights_of_int8_have_seven_bits(exported_student):
    """Of eight, the sums of two products overflow sixteen bits on x86 CPUs without VNNI."""
    arrays = map(
        onnx.numpy_helper.to_array, onnx.load(exported_student.folder / "model_int8.onnx").graph.initializer
    )
    weights = [array for array in arrays if array.dtype == np.int8 and array.ndim > 1]
    assert len(weights) == 3  # two convolutions and the classifier
    assert max(abs(array.astype(int)).max() for array in weights) == 64
    assert 2 * 255 * 64 < 2**15


def test_as_many_threads_as_before_are_used_after_an_export(exported_student, tmp_path):
    torch.set_num_threads(2)
    with pytest.raises(UserError):
        export_student.main(
            small_export_job(),
            **exported_student.inputs | {"models": [tmp_path / "none"] * 2},
            folder=tmp_path / "export",
        )
    assert torch.get_num_threads() == 2


def test_damaged_logits_are_one_line_and_no_folder(exported_student, tmp_path):
    path = tmp_path / "test_logits.npy"
    path.write_bytes(exported_student.inputs["test_logits"][1].read_bytes()[:-1])
    other = exported_student.inputs | {"test_logits": [path, path]}
    with pytest.raises(UserError, match=r"test_logits\.npy: not whole"):
        export_student.main(small_export_job(int8=False), **other, folder=tmp_path / "export")
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.full
def test_metrics_that_are_not_whole_are_named_and_unknown_keys_are_ignored(exported_student, tmp_path):
    metrics = exported_student.inputs["metrics"]
    content = json.loads(metrics[0].read_text())
    (tmp_path / "newer.json").write_text(json.dumps(content | {"of_a_newer_version": 1}))
    del content["test_accuracy"]
    (tmp_path / "short.json").write_text(json.dumps(content))
    newer = exported_student.inputs | {"metrics": [tmp_path / "newer.json", *metrics[1:]]}
    export_student.main(small_export_job(int8=False), **newer, folder=tmp_path / "folder")
    assert (tmp_path / "folder" / "README.md").exists()
    short = exported_student.inputs | {"metrics": [tmp_path / "short.json", *metrics[1:]]}
    with pytest.raises(UserError, match=r"short\.json: not whole \(test_accuracy: "):
        export_student.main(small_export_job(int8=False), **short, folder=tmp_path / "none")
    assert not (tmp_path / "none").exists()


@pytest.mark.full
def test_without_int_8_there_is_no_such_file_and_an_old_one_goes(exported_student, tmp_path):
    folder = tmp_path / "export"
    folder.mkdir()
    (folder / "model_int8.onnx").write_text("old")
    export_student.main(small_export_job(int8=False), **exported_student.inputs, folder=folder)
    assert not (folder / "model_int8.onnx").exists()
    assert "model_int8" not in (folder / "README.md").read_text()


def test_weights_that_do_not_give_what_was_recorded_are_not_exported(exported_student, tmp_path):
    other = exported_student.inputs | {"test_logits": exported_student.inputs["test_logits"][::-1]}
    with pytest.raises(
        UserError, match=r"model\.safetensors: its logits differ by up to .* nothing is exported"
    ):
        export_student.main(small_export_job(int8=False), **other, folder=tmp_path / "export")
    assert list(tmp_path.iterdir()) == []


def test_a_program_with_other_logits_is_not_exported(exported_student, tmp_path, monkeypatch):
    real = formats.program_of

    def shifted(network, image):
        network.mean += 25.5  # a tenth of the range
        try:
            return real(network, image)
        finally:
            network.mean -= 25.5

    monkeypatch.setattr(formats, "program_of", shifted)
    with pytest.raises(UserError, match=r"model\.pt2: its logits differ by up to"):
        export_student.main(
            small_export_job(int8=False), **exported_student.inputs, folder=tmp_path / "export"
        )
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
    network = WithNormalisation(Largest(), MEAN, STD).eval()
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
    network = WithNormalisation(Counts(), MEAN, STD).eval()
    exported = program_of(network, (1, 8, 8))
    assert {name for node in exported.graph.nodes for name in node.meta} == {"val"}  # of this way, too
    program = exported.module()
    images = torch.randint(0, 256, (5, 1, 8, 8), dtype=torch.uint8)
    torch.testing.assert_close(program(images), network(images))


def test_what_cannot_be_made_is_one_line(exported_student, tmp_path, monkeypatch):
    def fail(*arguments):
        raise TypeError("no such shape\nand more")

    monkeypatch.setattr(formats, "write_int8", fail)
    says = r"model_int8\.onnx: cannot be made of this network \(no such shape\); leave it out with export: \{int8"
    with pytest.raises(UserError, match=says):
        export_student.main(small_export_job(), **exported_student.inputs, folder=tmp_path / "export")
    assert list(tmp_path.iterdir()) == []


def fill(folder, breaks):
    with atomic_folder(folder) as new:
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
    with (
        pytest.raises(NotWritten, match=r"file/c: cannot be written"),
        atomic_folder(tmp_path / "file" / "c"),
    ):
        pass


@pytest.mark.parametrize(
    ("size", "time", "useless"), [(2, 2.0, True), (2, 0.5, False), (0, 2.0, False), (None, None, False)]
)
def test_a_quantised_file_that_saves_nothing_is_named(size, time, useless):
    sizes, times = {"onnx": 1}, {"onnx": {"median": 1.0}}
    if size is not None:
        sizes, times = sizes | {"int8": size}, times | {"int8": {"median": time}}
    verification = {"bytes": sizes, "milliseconds": {"1": times}}
    assert export_student.int8_is_useless(verification) is useless
