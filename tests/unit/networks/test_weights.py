"""Teachers with weights of the user's own: what fits is taken as it is, and what does not is reported in one line."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from small_config import complaints, config
from torchvision import models

import import_weights
from kd.config.load import load_study
from kd.data.augmentation import Augmentation
from kd.data.dataset import Dataset, write_dataset
from kd.errors import UserError
from kd.io.tensors import write_tensors
from kd.jobs.teachers import ExternalJob
from kd.networks.checkpoint import load_network, save_ensemble, save_network
from kd.networks.factory import build_network
from kd.networks.weights import load_weights, read_weights
from kd.plan.teachers import ensemble_job, user_teachers
from kd.plan.user_files import content
from kd.settings.compute import Compute

CPU = torch.device("cpu")
OPTIONS = {"channels": [4, 8], "width": 1.0}
ABOUT = {"architecture": "cnn", "options": OPTIONS}


@pytest.fixture(autouse=True)
def _one_thread(one_thread):
    pass


def cnn(seed=0):
    torch.manual_seed(seed)
    return build_network("cnn", OPTIONS, 1, 3)


def user_file(tmp_path, weights, name="mine.safetensors"):
    """A plain file of the user's, and its digest."""
    save_file({key: value.contiguous() for key, value in weights.items()}, tmp_path / name)
    return tmp_path / name, content(str(tmp_path / name), "x", tmp_path / "cache")


def loaded(tmp_path, weights):
    path, sha256 = user_file(tmp_path, weights)
    network = cnn(seed=9)
    load_weights(network, read_weights(path, sha256, ABOUT), path)
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
        ({"lr": 0.1}, "lr: unknown key; allowed: architecture, channels, external, width"),
        ({"seed": 3}, "seed: unknown key; allowed: "),
        ({"widht": 1}, "widht: unknown key; did you mean 'width'?"),
        (
            {"external": "a.pth"},
            "external: 'a.pth' is no .safetensors file; make one: safetensors.torch.save_file({name: tensor.c",
        ),
        ({"external": "a.pt"}, "external: 'a.pt' is no .safetensors file"),
        ({"external": ""}, "external: "),
        ({"external": 3}, "external: should be a valid string (it is 3)"),
        ({"architecture": "cn"}, "architecture: there is no architecture 'cn'"),
    ],
)
def test_mistakes_in_a_config(entry, line):
    teachers = {**TEACHERS, "mine": TEACHERS["mine"] | entry}
    (complaint,) = complaints(teachers=teachers)
    assert complaint.startswith(f"teachers.mine.{line}")


def checkpoints():
    """What people keep in .pth files, by a name."""
    weights = cnn().to(memory_format=torch.channels_last).state_dict()
    tied = weights | {"classifier.bias": weights["stages.0.0.1.bias"][:3]}
    return {
        "plain": weights,
        "lightning": {"epoch": 3, "state_dict": weights, "optimizer_states": []},
        "kuangliu": {"net": weights, "acc": 90.0, "epoch": 3},
        "crd": {"epoch": 3, "model": weights, "optimizer": {"state": {}}},
        "tied": tied | {"stages.0.0.1.bias": weights["stages.0.0.1.bias"]},
    }


@pytest.mark.parametrize("name", checkpoints())
def test_the_lines_of_the_documents_make_a_file_that_is_taken(name, tmp_path, monkeypatch):
    document = (Path(__file__).parents[3] / "config/README.md").read_text(encoding="utf-8")
    (lines,) = [
        code for code in re.findall(r"```python\n(.*?)```", document, re.DOTALL) if "save_file" in code
    ]
    monkeypatch.chdir(tmp_path)
    torch.save(checkpoints()[name], "mine.pth")
    exec(lines, {})
    path = tmp_path / "mine.safetensors"
    network = cnn(seed=9)
    load_weights(network, read_weights(path, content(str(path), "x", tmp_path / "cache"), ABOUT), path)
    assert torch.equal(network.classifier.weight, cnn().classifier.weight)


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
    load_weights(network, theirs, tmp_path / "theirs.safetensors")
    assert all(torch.equal(network.network.state_dict()[name], tensor) for name, tensor in theirs.items())


@pytest.mark.parametrize("prefix", ["module.", "_orig_mod.", "model.", "module._orig_mod."])
def test_a_prefix_of_all_names_is_left_out_and_reported(tmp_path, prefix, caplog):
    caplog.set_level("INFO", "kd")
    weights = {prefix + name: tensor for name, tensor in cnn().state_dict().items()}
    assert torch.equal(loaded(tmp_path, weights).classifier.weight, cnn().classifier.weight)
    parts = [part + "." for part in prefix.split(".") if part]
    assert [re.findall("prefix '(.*)'", message) for message in caplog.messages] == [[part] for part in parts]


def test_a_prefix_of_some_names_is_named(tmp_path):
    weights = {f"module.{name}": tensor for name, tensor in cnn().state_dict().items()} | {
        "a": torch.zeros(1)
    }
    with pytest.raises(UserError, match=r"has besides a, module\.classifier.bias,.* and \d+ more$"):
        loaded(tmp_path, weights)


def test_names_are_shown_as_the_users_file_has_them(tmp_path):
    theirs = norms()
    del theirs["fc.bias"]
    network = build_network("torchvision/shufflenet_v2_x0_5", {}, 3, 3)
    with pytest.raises(UserError, match=r"it lacks fc\.bias$"):
        load_weights(network, theirs, tmp_path / "theirs.safetensors")


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
    load_weights(network, weights, tmp_path / "theirs.safetensors")
    assert all((tensor == 1).all() for tensor in network.state_dict().values())
    assert "auxiliary heads are left out" in caplog.text


@pytest.mark.parametrize(
    "facts", [3, [], None, {"architecture": "cnn"}, {"architecture": "cnn", "options": 1}]
)
def test_facts_of_another_form(tmp_path, facts):
    path = tmp_path / "ours.safetensors"
    write_tensors(path, {"a": np.zeros(1)}, facts)
    with pytest.raises(UserError, match=r"ours\.safetensors: does not say which"):
        read_weights(path, content(str(path), "x", tmp_path / "cache"), ABOUT)


def test_facts_that_are_nested_too_deep(tmp_path):
    path, text = tmp_path / "ours.safetensors", "[" * 100_000
    save_file({"a": torch.zeros(1)}, path, {"sealed": text})
    with pytest.raises(UserError, match=r"ours\.safetensors: not a whole safetensors file"):
        read_weights(path, content(str(path), "x", tmp_path / "cache"), ABOUT)


def test_a_file_that_is_none(tmp_path):
    path, sha256 = user_file(tmp_path, cnn().state_dict())
    whole = path.read_bytes()
    for content_ in (whole[:-1], whole[:20], b"", b"\0" * 100):
        path.write_bytes(content_)
        digest = content(str(path), "x", tmp_path / "cache")
        with pytest.raises(UserError, match=r"mine\.safetensors: not a whole safetensors file"):
            read_weights(path, digest, ABOUT)
        with pytest.raises(UserError, match="has changed since the study was read"):
            read_weights(path, sha256, ABOUT)
    torch.save(cnn().state_dict(), path)  # a pickle under another name
    with pytest.raises(UserError, match="not a whole safetensors file"):
        read_weights(path, content(str(path), "x", tmp_path / "cache"), ABOUT)


def ours(tmp_path, options=OPTIONS, name="ours.safetensors", **changes):
    network = build_network("cnn", options, 1, 3)
    path = tmp_path / name
    about = {"architecture": "cnn", "options": options, "in_channels": 1, "num_classes": 3}
    save_network(path, network.state_dict(), **about, **changes)
    return path, content(str(path), "x", tmp_path / "cache")


def test_a_file_of_this_workflow_says_what_it_holds(tmp_path):
    path, sha256 = ours(tmp_path)
    read_weights(path, sha256, ABOUT)
    says = r"ours\.safetensors: holds cnn .*'channels': \[4, 8\].*, not cnn .*'channels': \[4, 9\]"
    with pytest.raises(UserError, match=says):
        read_weights(path, sha256, {"architecture": "cnn", "options": OPTIONS | {"channels": [4, 9]}})
    with pytest.raises(UserError, match=r"holds cnn .*, not vgg16"):
        read_weights(path, sha256, {"architecture": "vgg16", "options": {"width": 1.0}})
    path, sha256 = ours(tmp_path, name="changed.safetensors", changes={"simkd": {}})
    with pytest.raises(UserError, match="holds layers that a method added"):
        read_weights(path, sha256, ABOUT)
    save_ensemble(tmp_path / "both.safetensors", [ours(tmp_path)[0]] * 2, [1, 1])
    sha256 = content(str(tmp_path / "both.safetensors"), "x", tmp_path / "cache")
    with pytest.raises(UserError, match="holds several networks; name its members"):
        read_weights(tmp_path / "both.safetensors", sha256, ABOUT)


def test_a_changed_bit_in_a_file_of_this_workflow(tmp_path):
    path, _ = ours(tmp_path)
    damaged = bytearray(path.read_bytes())
    damaged[-2] ^= 1
    path.write_bytes(damaged)
    with pytest.raises(UserError, match="its checksum is wrong"):
        read_weights(path, content(str(path), "x", tmp_path / "cache"), ABOUT)


def test_weights_under_the_names_of_their_library(tmp_path):
    """As torchvision itself saves them, and as this workflow does."""
    torch.manual_seed(1)
    theirs = models.shufflenet_v2_x0_5(num_classes=3).state_dict()
    network = build_network("torchvision/shufflenet_v2_x0_5", {}, 3, 3)
    path, sha256 = user_file(tmp_path, theirs)
    load_weights(network, read_weights(path, sha256, ABOUT), path)
    assert torch.equal(network.network.fc.weight, theirs["fc.weight"])
    again = build_network("torchvision/shufflenet_v2_x0_5", {}, 3, 3)
    path, sha256 = user_file(tmp_path, network.state_dict())
    load_weights(again, read_weights(path, sha256, ABOUT), path)
    assert torch.equal(again.network.fc.weight, theirs["fc.weight"])


# --- The script.

PARTS = ("train", "validation", "test")


def test_its_metrics_are_those_of_the_weights(tmp_path):
    random = np.random.default_rng(0)
    arrays = {f"{part}_images": random.integers(0, 256, (30, 8, 8, 1), dtype=np.uint8) for part in PARTS}
    labels = np.arange(30) % 3
    arrays |= {f"{part}_labels": labels for part in PARTS}
    facts = {
        "classes": ("a", "b", "c"),
        "mean": (0.5,),
        "std": (0.25,),
        "augmentation": Augmentation(1, True),
    }
    write_dataset(tmp_path / "data.safetensors", Dataset(**arrays, **facts))
    path, sha256 = user_file(tmp_path, cnn().state_dict())
    made = [
        tmp_path / name
        for name in ("model.safetensors", "metrics.json", "test_logits.npy", "validation_logits.npy")
    ]
    job = ExternalJob(name="mine", **ABOUT, sha256=sha256)
    import_weights.main(job, tmp_path / "data.safetensors", path, *made, compute=Compute(device="cpu"))
    images = (torch.from_numpy(arrays["test_images"]).permute(0, 3, 1, 2) / 255 - 0.5) / 0.25
    with torch.no_grad():
        expected = cnn().eval()(images)
    np.testing.assert_allclose(np.load(made[2]), expected.numpy(), rtol=1e-4, atol=1e-5)
    metrics = json.loads(made[1].read_text())
    assert metrics["test_accuracy"] == pytest.approx(100 * (expected.argmax(1).numpy() == labels).mean())
    assert (metrics["name"], metrics["role"], metrics["architecture"]) == ("mine", "teacher", "cnn")
    assert metrics["loss_function"] == f"weights given ({sha256[:8]})"
    assert metrics["epochs"] is None
    assert torch.equal(load_network(made[0], CPU).classifier.weight, cnn().classifier.weight)
