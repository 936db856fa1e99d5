"""Teachers made of others: their mean, their file, and their stored answers."""

import json

import numpy as np
import pytest
import torch
from small_config import complaints, config
from stored_targets import held

import build_ensemble
from kd.config.load import load_study
from kd.config.study.warnings import unsupported
from kd.data.augmentation import Augmentation
from kd.data.dataset import Dataset, write_dataset
from kd.errors import UserError
from kd.jobs.teachers import EnsembleJob
from kd.networks.checkpoint import load_network, save_ensemble, save_network
from kd.networks.ensemble import Ensemble, mean_of
from kd.networks.factory import build_network
from kd.plan.training import distill_job
from kd.settings.compute import Compute
from kd.teachers.teacher import CachedTeacher, LiveTeacher

pytestmark = pytest.mark.usefixtures("one_thread")
CPU = torch.device("cpu")
TEACHERS = {"resnet18": {"width": 0.25}, "vgg16": {"width": 0.25}}


def small(seed, channels=4):
    torch.manual_seed(seed)
    return build_network("cnn", {"channels": [channels]}, 1, 3).eval()


def saved(folder, seed, channels):
    network = small(seed, channels)
    about = {"architecture": "cnn", "options": {"channels": [channels], "width": 1.0}, "in_channels": 1}
    save_network(folder / f"{seed}.safetensors", network.state_dict(), num_classes=3, **about)
    return folder / f"{seed}.safetensors"


def test_the_mean_by_hand():
    """(3·[1, 2] + 1·[5, -2]) / 4 = [2, 1]; the scale of the weights is of no matter."""
    logits = [torch.tensor([[1.0, 2.0]]), torch.tensor([[5.0, -2.0]])]
    for weights in ((3, 1), (0.3, 0.1)):
        assert torch.allclose(mean_of(logits, weights), torch.tensor([[2.0, 1.0]]))


def test_one_file_holds_all_and_says_how_to_build_them(tmp_path):
    members = [saved(tmp_path, 0, 4), saved(tmp_path, 1, 6)]
    save_ensemble(tmp_path / "both.safetensors", members, [1.0, 3.0])
    both, images = load_network(tmp_path / "both.safetensors", CPU), torch.randn(5, 1, 8, 8)
    one, other = (network(images) for network in (small(0, 4), small(1, 6)))
    assert torch.allclose(both(images), 0.25 * one + 0.75 * other, atol=1e-6)
    assert not both.training
    members[1].write_bytes(members[1].read_bytes()[:-1])
    with pytest.raises(UserError, match=r"1\.safetensors: not a whole network file"):
        save_ensemble(tmp_path / "again.safetensors", members, [1.0, 3.0])
    assert not (tmp_path / "again.safetensors").exists()


def test_stored_members_answer_as_live_ones_do():
    images = torch.randn(6, 1, 8, 8)
    ensemble = Ensemble([small(0), small(1)], (1.0, 2.0))
    live = LiveTeacher(ensemble).output(images, torch.arange(6))
    tables = [held(logits[None].detach().half().numpy()) for logits in ensemble.forward_members(images)]

    def stored(weights):
        teacher = CachedTeacher(tables, CPU, weights)
        teacher.start_epoch(0, np.zeros(6, dtype=np.int64))
        return teacher.output(images, torch.arange(6))

    answer = stored((1.0, 2.0))
    assert torch.allclose(answer.logits, live.logits, atol=2e-3)
    assert torch.allclose(live.logits, (live.members[0] + 2 * live.members[1]) / 3, atol=1e-6)
    for ours, theirs in zip(answer.members, live.members, strict=True):
        assert torch.allclose(ours, theirs, atol=2e-3)
    assert (stored((2.0, 1.0)).logits - live.logits).abs().max() > 0.01


def test_its_metrics_are_those_of_the_mean(tmp_path):
    random = np.random.default_rng(0)
    arrays = {f"{part}_images": random.integers(0, 256, (30, 8, 8, 1), dtype=np.uint8) for part in PARTS}
    arrays |= {f"{part}_labels": np.arange(30) % 3 for part in PARTS}
    facts = {
        "classes": ("a", "b", "c"),
        "mean": (0.5,),
        "std": (0.25,),
        "augmentation": Augmentation(1, True),
    }
    write_dataset(tmp_path / "data.safetensors", Dataset(**arrays, **facts))
    members = [saved(tmp_path, 0, 4), saved(tmp_path, 1, 6)]
    made = [
        tmp_path / name
        for name in ("model.safetensors", "metrics.json", "test_logits.npy", "validation_logits.npy")
    ]
    job = EnsembleJob(name="both", members=["a", "b"], weights=[1, 1])
    build_ensemble.main(job, tmp_path / "data.safetensors", members, *made, compute=Compute(device="cpu"))
    logits, labels = np.load(made[2]), np.arange(30) % 3
    metrics = json.loads(made[1].read_text())
    assert metrics["test_accuracy"] == pytest.approx(100 * (logits.argmax(1) == labels).mean())
    assert np.load(made[3]).shape == (30, 3)
    assert metrics["loss_function"] == "mean of a, b"
    assert metrics["parameters"] == sum(p.numel() for n in (small(0, 4), small(1, 6)) for p in n.parameters())


PARTS = ("train", "validation", "test")


def test_in_a_config():
    teachers = {**TEACHERS, "both": {"ensemble": ["vgg16", "resnet18"], "weights": [2, 1]}}
    study = load_study(config(teachers=teachers))
    assert list(study.teachers) == ["resnet18", "vgg16"]
    assert study.pairs[-1] == ("both", "cnn")
    assert study.networks_of("both") == ("vgg16", "resnet18")
    assert study.networks_of("vgg16") == ("vgg16",)
    assert distill_job(study, "both", "cnn", "kd", 0).weights == (2.0, 1.0)
    assert unsupported(study) == []


def test_a_method_is_not_run_with_a_teacher_that_cannot_serve_it_and_that_is_reported():
    teachers = {**TEACHERS, "both": {"ensemble": ["vgg16", "resnet18"]}}
    methods = {"kd": {}, "at": {}, "simkd": {}, "multi_head": {}, "tfkd": {}}
    study = load_study(config(teachers=teachers, methods=methods))
    of = {name: [teacher for teacher, _ in study.pairs_of(name)] for name in methods}
    assert of["kd"] == ["resnet18", "vgg16", "both"]
    assert of["at"] == of["simkd"] == ["resnet18", "vgg16"]
    assert of["multi_head"] == ["both"]
    assert of["tfkd"] == ["_none"]
    assert unsupported(study) == [
        "not run with teachers.resnet18, no ensemble: multi_head",
        "not run with teachers.vgg16, no ensemble: multi_head",
        "not run with teachers.both, an ensemble, which has logits alone: at, simkd",
    ]
    assert [name for name in methods if study.uses_targets(name, "both")] == ["kd", "multi_head"]


@pytest.mark.parametrize(
    ("entry", "line"),
    [
        (
            {"ensemble": ["vgg16", "vgg"]},
            "teachers.both.ensemble: 'vgg' is no teacher that is trained; did you",
        ),
        ({"ensemble": ["vgg16", "both"]}, "teachers.both.ensemble: 'both' is no teacher that is trained; "),
        ({"ensemble": ["vgg16", "vgg16"]}, "teachers.both.ensemble: each may be there once"),
        ({"ensemble": ["vgg16"]}, "teachers.both.ensemble: needs at least 2 entries (it is"),
        ({"ensemble": "vgg16"}, "teachers.both.ensemble: should be a list"),
        ({"ensemble": ["vgg16", "resnet18"], "weights": [1]}, "teachers.both.weights: 1 for 2 teachers; one"),
        (
            {"ensemble": ["vgg16", "resnet18"], "weights": [1, 0]},
            "teachers.both.weights.1: should be greater",
        ),
        ({"ensemble": ["vgg16", "resnet18"], "epochs": 3}, "teachers.both.epochs: unknown key"),
        ({"architecture": "cnn", "weights": [1, 2]}, "teachers.both.weights: goes with ensemble"),
    ],
)
def test_mistakes(entry, line):
    (complaint,) = complaints(teachers={**TEACHERS, "both": entry})
    assert complaint.startswith(line)
