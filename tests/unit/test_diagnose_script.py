"""The script that diagnoses, called as a function on a handful of images and networks that learnt nothing."""

import json

import numpy as np
import pytest
import torch
from by_hand import kl, mean, softened

import diagnose
from kd.catalog import build_network
from kd.checkpoint import save_ensemble, save_network
from kd.compute import Compute
from kd.data import Dataset, write_dataset
from kd.diagnosis.job import DiagnosisJob
from kd.digests import content
from kd.errors import UserError
from kd.shards import Shards, write_shards

pytestmark = pytest.mark.usefixtures("one_thread")
SAMPLES = {"train": 24, "validation": 6, "test": 30}
RANDOM = np.random.default_rng(0)
IMAGES = {part: RANDOM.integers(0, 256, (count, 8, 8, 1), dtype=np.uint8) for part, count in SAMPLES.items()}
LABELS = {part: np.arange(count) % 3 for part, count in SAMPLES.items()}
METRICS = {"architecture": "cnn", "parameters": 100, "loss_function": "CE"}
NETWORKS = {"teacher": [8, 8], "first": [4, 4], "second": [4, 4]}


def seen(part):
    """The images as a network is shown them, (N, 1, 8, 8)."""
    shown = (IMAGES[part].astype(np.float64) / 255 - 0.5) / 0.25
    return torch.from_numpy(shown.transpose(0, 3, 1, 2)).float()


def network(name):
    torch.manual_seed(sum(map(ord, name)))
    return build_network("cnn", {"channels": NETWORKS[name]}, 1, 3).eval()


def answers(name, part):
    with torch.no_grad():
        return 5 * network(name)(seen(part)).numpy()


def make(folder, shards=False):
    """A finished study of a teacher and a student with two seeds: its networks, their logits, the data."""
    arrays = {f"{part}_images": images for part, images in IMAGES.items()}
    if shards:
        packed = {
            name: write_shards(folder / "shards", name[:-7], images.shape, [images], most=700)
            for name, images in arrays.items()
        }
        arrays = {name: Shards(folder / "shards", each) for name, each in packed.items()}
    arrays |= {f"{part}_labels": labels for part, labels in LABELS.items()}
    facts = {"classes": ("dark", "grey", "bright"), "mean": (0.5,), "std": (0.25,), "pad": 1, "flip": True}
    write_dataset(folder / "dataset.safetensors", Dataset(**arrays, **facts))
    (folder / "metrics.json").write_text(json.dumps(METRICS))
    for name, channels in NETWORKS.items():
        weights = {key: value.clone() for key, value in network(name).state_dict().items()}
        for key in ("classifier.weight", "classifier.bias"):
            weights[key] *= 5  # so that they believe something
        about = {"architecture": "cnn", "options": {"channels": channels}, "in_channels": 1, "num_classes": 3}
        save_network(folder / f"{name}.safetensors", weights, **about)
        np.save(folder / f"{name}.npy", answers(name, "test"))
    return folder


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    return make(tmp_path_factory.mktemp("study"))


def job(role, **more):
    settings = {"role": role, "name": "small", "seeds": [7], "temperatures": [1, 4], "worst": 4}
    return DiagnosisJob(**settings | more)


def run(study, what, logits, out, **more):
    files = {"dataset": study / "dataset.safetensors", "metrics": study / "metrics.json"}
    files |= {"diagnosis": out / "diagnosis.json", "page": out / "diagnosis.html"}
    paths = [study / f"{name}.npy" for name in logits]
    diagnose.main(what, test_logits=paths, **files, **{"compute": Compute(device="cpu")} | more)
    assert "</html>" in files["page"].read_text(encoding="utf-8")
    return json.loads(files["diagnosis"].read_text())


def of_a_teacher(study, out, **more):
    models = [study / "teacher.safetensors"]
    what = job("teacher", seeds=[1000])
    return run(study, what, ["teacher"], out, models=models, train_logits=out / "train.npy", **more)


def of_students(study, out, **more):
    models = [study / "first.safetensors", study / "second.safetensors"]
    what = job("distilled", seeds=[0, 5], teacher="big", method="kd", cka="teacher_model" in more)
    return run(study, what, ["first", "second"], out, models=models, **more)


def expected(student, part):
    """Agreement in percent, and KL in nats."""
    pairs = list(zip(answers(student, part), answers("teacher", part), strict=True))
    same = [int(np.argmax(own) == np.argmax(taught)) for own, taught in pairs]
    kls = [kl(softened(taught), softened(own)) for own, taught in pairs]
    return {"agreement": 100 * mean(same), "kl": pytest.approx(mean(kls), rel=1e-4)}


@pytest.mark.parametrize("shards", [False, True])
def test_a_teacher_answers_once_for_all_its_students(tmp_path, shards):
    study, compute = make(tmp_path, shards), Compute(device="cpu", stream="always" if shards else "auto")
    found = of_a_teacher(study, tmp_path, compute=compute)
    logits = np.load(tmp_path / "train.npy")
    assert (logits.dtype, logits.shape) == (np.float32, (24, 3))
    assert logits == pytest.approx(answers("teacher", "train"), abs=1e-4)
    (one,) = found["runs"]
    assert (one["seed"], one["fidelity"], one["class_gain"], one["cka"]) == (1000, None, None, None)
    assert (
        100 * one["correct"]
        == 30 * (one["class_accuracy"][0] + one["class_accuracy"][1] + one["class_accuracy"][2]) / 3
    )
    students = of_students(study, tmp_path, teacher_train=tmp_path / "train.npy", compute=compute)
    for name, student in zip(("first", "second"), students["runs"], strict=True):
        assert student["fidelity"] == {"test": None, "train": expected(name, "train")}


def test_students_beside_their_teacher_and_themselves_alone(study, tmp_path):
    of_a_teacher(study, tmp_path)
    teacher = {"teacher_test": study / "teacher.npy", "teacher_train": tmp_path / "train.npy"}
    alone = [study / "second.npy", study / "second.npy"]
    model = study / "teacher.safetensors"
    found = of_students(study, tmp_path, alone_logits=alone, teacher_model=model, **teacher)
    assert [found[key] for key in ("role", "teacher", "name", "method")] == [
        "distilled",
        "big",
        "small",
        "kd",
    ]
    assert found["classes"] == ["dark", "grey", "bright"]
    for name, one in zip(("first", "second"), found["runs"], strict=True):
        assert one["fidelity"] == {part: expected(name, part) for part in ("test", "train")}
        own = answers(name, "test")
        right = own.argmax(1) == LABELS["test"]
        assert one["class_accuracy"] == [pytest.approx(100 * right[label::3].mean()) for label in range(3)]
        other = answers("second", "test").argmax(1) == LABELS["test"]
        gains = [100 * (right[label::3].mean() - other[label::3].mean()) for label in range(3)]
        assert one["class_gain"] == pytest.approx(gains)
        assert len(one["worst"]) == 4
        shown = one["soft_targets"][0]
        assert shown["temperatures"][1]["teacher"] == pytest.approx(
            softened(answers("teacher", "test")[shown["index"]], 4), abs=1e-4
        )
        assert (one["cka"]["teacher_stages"], one["cka"]["student_stages"]) == (2, 2)
    assert [one["seed"] for one in found["runs"]] == [0, 5]
    assert found["runs"][0]["cka"]["values"] != found["runs"][1]["cka"]["values"]


def test_the_images_shown_are_the_same_for_all_students_of_a_teacher(study, tmp_path):
    found = of_students(study, tmp_path, teacher_test=study / "teacher.npy")
    first, second = (
        [each["index"] for each in one["soft_targets"] if each["why"] == "ambiguous"] for one in found["runs"]
    )
    doubts = [-sum(p * np.log(p) for p in softened(row)) for row in answers("teacher", "test")]
    assert first == second == sorted(range(30), key=lambda place: -doubts[place])[:3]


def test_an_ensemble_teaches_but_has_no_stages(study, tmp_path):
    both = tmp_path / "both.safetensors"
    save_ensemble(both, [study / "teacher.safetensors", study / "first.safetensors"], [3.0, 1.0])
    run(study, job("teacher"), ["teacher"], tmp_path, models=[both], train_logits=tmp_path / "train.npy")
    together = (3 * answers("teacher", "train") + answers("first", "train")) / 4
    assert np.load(tmp_path / "train.npy") == pytest.approx(together, abs=1e-4)
    found = of_students(study, tmp_path, teacher_train=tmp_path / "train.npy", teacher_model=both)
    assert [one["cka"] for one in found["runs"]] == [None, None]


def test_nobody_to_be_compared_with(study, tmp_path):
    for what in (job("alone"), job("distilled", teacher="(none)", method="plain")):
        (one,) = run(study, what, ["first"], tmp_path)["runs"]
        assert (one["fidelity"], one["cka"], one["class_gain"]) == (None, None, None)
        assert one["soft_targets"][0]["temperatures"][0]["teacher"] is None


def test_no_network_runs_where_none_is_needed(study, tmp_path, monkeypatch):
    """So such a job waits for no GPU: it must not even be set up for one."""
    asked = []
    monkeypatch.setattr(
        diagnose, "set_up", lambda compute: asked.append(compute.device) or torch.device("cpu")
    )
    run(study, job("alone"), ["first"], tmp_path, compute=Compute(device="auto"))
    of_a_teacher(study, tmp_path, compute=Compute(device="auto"))
    assert asked == ["cpu", "auto"]


def given(folder, plain=True, **more):
    """The user's logits of 18 views of each image, of which that of the image as it is has the number 4."""
    logits = np.full((18, 24, 3), np.nan, np.float32)
    logits[0] = 1
    if plain:
        logits[4] = answers("teacher", "train")[::-1]
    np.savez(folder / "mine.npz", train_ids=np.arange(24)[::-1], train_logits=logits, **more)
    sha256 = content(str(folder / "mine.npz"), "x", folder / "cache")
    return {"given": folder / "mine.npz", "train_logits": folder / "train.npy"}, sha256


def test_of_a_teacher_that_is_logits_the_plain_view_is_taken(study, tmp_path):
    files, sha256 = given(tmp_path)
    (one,) = run(study, job("teacher", seeds=[None], sha256=sha256), ["teacher"], tmp_path, **files)["runs"]
    assert one["seed"] is None
    assert np.array_equal(np.load(tmp_path / "train.npy"), answers("teacher", "train"))
    with pytest.raises(UserError, match=r"mine\.npz: has changed since the study was read"):
        run(study, job("teacher", sha256="0" * 64), ["teacher"], tmp_path, **files)


def test_logits_without_the_plain_view_or_the_test_images(study, tmp_path):
    files, sha256 = given(tmp_path, plain=False)
    np.save(study / "none.npy", np.empty((0, 3), np.float32))
    found = run(study, job("teacher", seeds=[None], sha256=sha256), ["none"], tmp_path, **files)
    assert found["runs"] == []
    assert np.load(tmp_path / "train.npy").shape == (0, 3)
    students = of_students(study, tmp_path, teacher_train=tmp_path / "train.npy")
    assert [one["fidelity"] for one in students["runs"]] == [None, None]


def test_what_is_not_whole_is_named(study, tmp_path):
    cut = tmp_path / "train.npy"
    np.save(cut, answers("teacher", "train")[:-1])
    with pytest.raises(UserError, match=r"train.npy: holds \(23, 3\), not \(24, 3\); delete it"):
        of_students(study, tmp_path, teacher_train=cut)
    assert not (tmp_path / "diagnosis.json").exists()
