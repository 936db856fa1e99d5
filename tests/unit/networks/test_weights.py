"""Teachers with weights of the user's own: what fits is taken as it is, and what does not is reported in one line."""

import json
import re
from pathlib import Path

import pytest
import torch
import yaml
from safetensors.torch import save_file
from small_config import complaints, config
from torchvision import models
from users_weights import ABOUT, cnn

from kd.config.load import load_study
from kd.errors import UserError
from kd.networks.factory import build_network
from kd.networks.imported.files import read_weights
from kd.networks.imported.state_dict import Checkpoint
from kd.networks.weights import load_weights
from kd.plan.teachers import ensemble_job, user_teachers
from kd.plan.user_files import content

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def _one_thread(one_thread):
    pass


def user_file(tmp_path, weights, name="mine.safetensors"):
    """A plain file of the user's, and its digest."""
    save_file({key: value.contiguous() for key, value in weights.items()}, tmp_path / name)
    return tmp_path / name, content(str(tmp_path / name), "x", tmp_path / "cache")


def loaded(tmp_path, weights):
    path, sha256 = user_file(tmp_path, weights)
    network = cnn(seed=9)
    load_weights(network, read_weights(path, sha256, ABOUT), path, ABOUT, 8)
    return network


# --- In a config.

TEACHERS = {"resnet18": {"width": 0.25}, "mine": {"architecture": "cnn", "external": "a/b.safetensors"}}


def test_in_a_config():
    methods = {"kd": {}, "at": {}, "simkd": {}}
    both = {"ensemble": ["resnet18", "mine"]}
    study = load_study(config(teachers={**TEACHERS, "both": both}, methods=methods))
    assert list(study.teachers) == ["resnet18"]
    assert study.externals["mine"].file == "a/b.safetensors"
    assert study.untrained == ("both", "mine")
    assert study.pairs[1] == ("mine", "cnn")
    assert [teacher for teacher, _ in study.pairs_of("at")] == ["resnet18", "mine"]
    assert study.networks_of("both") == ("resnet18", "mine")
    assert ensemble_job(study, "both").members == ["resnet18", "mine"]


@pytest.mark.parametrize(
    ("entry", "line"),
    [
        ({"lr": 0.1}, "lr: unknown key; allowed: architecture, channels, external, mean, std, width"),
        ({"seed": 3}, "seed: unknown key; allowed: "),
        ({"widht": 1}, "widht: unknown key; did you mean 'width'?"),
        ({"mean": [0.5]}, "std: as many numbers as mean has are needed, one for each channel"),
        ({"std": [0.5, 0.5], "mean": [0.5]}, "mean: as many numbers as std has are needed"),
        ({"mean": [125.3], "std": [0.2]}, "mean.0: should be less than or equal to 1 (it is 125.3)"),
        ({"mean": [0.5], "std": [0]}, "std.0: should be greater than 0 (it is 0)"),
        ({"external": ""}, "external: "),
        ({"external": 3}, "external: should be a valid string (it is 3)"),
        ({"architecture": "cn"}, "architecture: there is no architecture 'cn'"),
    ],
)
def test_mistakes_in_a_config(entry, line):
    teachers = {**TEACHERS, "mine": TEACHERS["mine"] | entry}
    (complaint,) = complaints(teachers=teachers)
    assert complaint.startswith(f"teachers.mine.{line}")


PAGE = (Path(__file__).parents[3] / "docs/how-to/teachers.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("line", re.findall(r"`t: (\{.*?\})`", PAGE))
def test_the_lines_of_the_page_for_other_collections_are_valid(line):
    entry = yaml.safe_load(line)
    study = load_study(config(teachers={"t": entry}, dataset={"name": "cifar10"}))
    assert study.externals["t"].mean == tuple(entry["mean"])
    assert len(study.externals["t"].std) == 3


def test_where_it_has_no_place():
    (complaint,) = complaints(students={"cnn": {"external": "a.safetensors"}})
    assert complaint.startswith("students.cnn.external: unknown key")
    (complaint,) = complaints(teachers=TEACHERS, methods={"kd": {"via": ["mine"]}})
    assert complaint.startswith("methods.kd.via: 'mine' is in neither students nor teachers")
    both = {"ensemble": ["resnet18", "mine"], "external": "a.safetensors"}
    (complaint,) = complaints(teachers={**TEACHERS, "both": both})
    assert complaint.startswith("teachers.both.external: unknown key")


def test_every_file_that_cannot_be_read_has_a_line(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder.safetensors").mkdir()
    teachers = {
        name: {"architecture": "cnn", "external": f"{name}.safetensors"} for name in ("absent", "folder")
    }
    with pytest.raises(UserError) as caught:
        user_teachers(load_study(config(teachers=teachers)))
    assert str(caught.value).splitlines() == [
        "teachers.absent.external: 'absent.safetensors' cannot be read: No such file or directory",
        "teachers.folder.external: 'folder.safetensors' cannot be read: Is a directory",
    ]


def test_what_is_no_file_of_weights_is_said_before_anything_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "page.pth").write_text("<html>not found</html>")
    teachers = {"mine": {"architecture": "cnn", "external": "page.pth"}}
    with pytest.raises(UserError) as caught:
        user_teachers(load_study(config(teachers=teachers)))
    assert str(caught.value) == (
        "teachers.mine.external: 'page.pth' is a page of HTML or XML, as a download leaves that was refused;"
        " download it again"
    )


def test_the_mean_and_deviation_of_a_file_belong_to_its_job(tmp_path, monkeypatch):
    """And without them the job's text is as it was before there were any."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.pth").write_bytes(b"abc")

    def job(**own):
        teachers = {"mine": {"architecture": "cnn", "external": "a.pth", **own}}
        return user_teachers(load_study(config(teachers=teachers)))[0]["mine"]

    assert not {"mean", "std"} & json.loads(job().to_json()).keys()
    own = json.loads(job(mean=[0.49, 0.48, 0.45], std=[0.2, 0.2, 0.2]).to_json())
    assert (own["mean"], own["std"]) == ([0.49, 0.48, 0.45], [0.2, 0.2, 0.2])


def test_a_job_is_what_the_file_holds_and_not_where_it_is(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.safetensors").write_bytes(b"abc")

    def job(file):
        teachers = {"mine": {"architecture": "cnn", "external": file}}
        return user_teachers(load_study(config(teachers=teachers)))[0]["mine"]

    before = job("a.safetensors")
    # The first vector of FIPS 180-2, appendix B.1.
    assert before.sha256 == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    (tmp_path / "a.safetensors").rename(tmp_path / "b.safetensors")
    assert job("b.safetensors") == job(str(tmp_path / "b.safetensors")) == before
    (tmp_path / "b.safetensors").write_bytes(b"abd")
    assert job("b.safetensors") != before


# --- The weights.


def test_what_fits_is_taken_as_it_is(tmp_path):
    for name, value in loaded(tmp_path, cnn().state_dict()).state_dict().items():
        assert torch.equal(value, cnn().state_dict()[name]), name


def test_half_precision_is_widened(tmp_path):
    half = {
        name: value.half() if value.is_floating_point() else value
        for name, value in cnn().state_dict().items()
    }
    network = loaded(tmp_path, half)
    assert network.classifier.weight.dtype == torch.float32
    assert torch.equal(network.classifier.weight, half["classifier.weight"].float())


WRONG = {
    "lacks": (
        "it lacks classifier.weight, classifier.bias$",
        {"classifier.weight": None, "classifier.bias": None},
    ),
    "besides": (r"it has besides a, b, c and 1 more$", {name: torch.zeros(1) for name in "abcd"}),
    "classes": (
        r"it has of another shape classifier.weight \(10, 8\), not \(3, 8\), classifier.bias \(10,\), not \(3,\)$",
        {"classifier.weight": torch.zeros(10, 8), "classifier.bias": torch.zeros(10)},
    ),
    "nan": (
        "it has numbers that are not finite in classifier.bias$",
        {"classifier.bias": torch.tensor([0, float("nan"), 0])},
    ),
    "several": (
        "it lacks classifier.weight; has besides fc$",
        {"classifier.weight": None, "fc": torch.zeros(3, 8)},
    ),
}


@pytest.mark.parametrize(("says", "changes"), WRONG.values(), ids=WRONG)
def test_what_does_not_fit(tmp_path, says, changes):
    weights = {key: value for key, value in (cnn().state_dict() | changes).items() if value is not None}
    with pytest.raises(
        UserError, match=rf"mine\.safetensors: does not fit this architecture and data set: {says}"
    ):
        loaded(tmp_path, weights)


@pytest.mark.parametrize("kind", [torch.uint8, torch.bool, torch.int64, torch.complex64, torch.float8_e4m3fn])
def test_numbers_of_another_kind_are_refused(tmp_path, kind):
    """A quantised file would teach noise, and the imaginary parts of complex numbers would be lost."""
    weights = cnn().state_dict()
    weights["classifier.bias"] = torch.zeros(3).to(kind)
    says = rf"of another kind than float16, bfloat16, float32, float64 classifier.bias \({str(kind)[6:]}\)$"
    with pytest.raises(UserError, match=says):
        loaded(tmp_path, weights)


def norms(**settings):
    """A network of torchvision with norms that count their batches."""
    torch.manual_seed(1)
    return models.shufflenet_v2_x0_5(num_classes=3, **settings).state_dict()


def test_counters_of_norms_may_be_missing(tmp_path):
    """torch itself takes such files, which it wrote before it had counters."""
    theirs = {name: tensor for name, tensor in norms().items() if not name.endswith("num_batches_tracked")}
    network = build_network("torchvision/shufflenet_v2_x0_5", {}, 3, 3)
    load_weights(network, Checkpoint(theirs), tmp_path / "theirs.safetensors", ABOUT, 8)
    assert all(torch.equal(network.network.state_dict()[name], tensor) for name, tensor in theirs.items())


@pytest.mark.parametrize(
    "prefix", ["module.", "_orig_mod.", "model.", "module._orig_mod.", "module.student."]
)
def test_a_prefix_of_all_names_is_left_out_and_reported(tmp_path, prefix, caplog):
    caplog.set_level("INFO", "kd")
    weights = {prefix + name: tensor for name, tensor in cnn().state_dict().items()}
    assert torch.equal(loaded(tmp_path, weights).classifier.weight, cnn().classifier.weight)
    (message,) = caplog.messages
    assert message.endswith(
        f"{len(weights)} tensors taken by name; left out: the prefix {prefix!r} of their names"
    )


def test_names_are_shown_as_the_users_file_has_them(tmp_path):
    theirs = norms()
    del theirs["fc.bias"]
    network = build_network("torchvision/shufflenet_v2_x0_5", {}, 3, 3)
    with pytest.raises(UserError, match=r"it lacks fc\.bias$"):
        load_weights(network, Checkpoint(theirs), tmp_path / "theirs.safetensors", ABOUT, 8)


def test_names_have_no_signs_that_a_terminal_obeys(tmp_path):
    with pytest.raises(UserError, match=r"it has besides a\\x1b\[2J\\nb$"):
        loaded(tmp_path, cnn().state_dict() | {"a\x1b[2J\nb": torch.zeros(1)})


def test_auxiliary_heads_of_googlenet_are_left_out(tmp_path, caplog):
    caplog.set_level("INFO", "kd")
    with torch.device("meta"):
        network = build_network("torchvision/googlenet", {}, 3, 3)
        theirs = models.googlenet(num_classes=3, aux_logits=True, init_weights=False).state_dict()
    assert any(name.startswith("aux1.") for name in theirs)
    network.to_empty(device="cpu")
    weights = {name: torch.ones(tensor.shape, dtype=tensor.dtype) for name, tensor in theirs.items()}
    load_weights(network, Checkpoint(weights), tmp_path / "theirs.safetensors", ABOUT, 8)
    assert all((tensor == 1).all() for tensor in network.state_dict().values())
    assert "left out: auxiliary heads (20 tensors), which nothing here uses" in caplog.text


def test_weights_under_the_names_of_their_library(tmp_path):
    """As torchvision itself saves them, and as this workflow does."""
    torch.manual_seed(1)
    theirs = models.shufflenet_v2_x0_5(num_classes=3).state_dict()
    network = build_network("torchvision/shufflenet_v2_x0_5", {}, 3, 3)
    path, sha256 = user_file(tmp_path, theirs)
    load_weights(network, read_weights(path, sha256, ABOUT), path, ABOUT, 8)
    assert torch.equal(network.network.fc.weight, theirs["fc.weight"])
    again = build_network("torchvision/shufflenet_v2_x0_5", {}, 3, 3)
    path, sha256 = user_file(tmp_path, network.state_dict())
    load_weights(again, read_weights(path, sha256, ABOUT), path, ABOUT, 8)
    assert torch.equal(again.network.fc.weight, theirs["fc.weight"])


def test_a_checkpoint_under_the_names_of_its_library_says_so(tmp_path, caplog):
    """With the prefix of several GPUs, and the layers' names of the oldest DenseNets."""
    caplog.set_level("INFO", "kd")
    about = {"architecture": "torchvision/densenet121", "options": {}}
    with torch.device("meta"):
        network = build_network("torchvision/densenet121", {}, 3, 3)
        theirs = models.densenet121(num_classes=3).state_dict()
    network.to_empty(device="cpu")
    old = {
        "module." + re.sub(r"(denselayer\d+\.(?:norm|conv))(\d)", r"\1.\2", name): torch.ones(
            tensor.shape, dtype=tensor.dtype
        )
        for name, tensor in theirs.items()
    }
    assert any("norm.1" in name for name in old)
    assert load_weights(network, Checkpoint(old), tmp_path / "a.pth", about, 32) == "torchvision"
    assert all((tensor == 1).all() for tensor in network.state_dict().values())
    assert (
        f"{len(theirs)} tensors taken by name; left out: the prefix 'module.' of their names" in caplog.text
    )
