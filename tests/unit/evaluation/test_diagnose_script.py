"""The scripts that diagnose, called as functions on a handful of images and networks that learnt nothing."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from by_hand import kl, mean, softened
from fake_runs import fake_run

import build_diagnoses
import compare_feature_maps
import compute_training_logits
import diagnose
import import_training_logits
import measure_fidelity
from kd.data.augmentation import Augmentation
from kd.data.dataset import Dataset, as_arrays, read_dataset, write_dataset
from kd.data.preparation.packing import Packing
from kd.data.shards import Shards
from kd.errors import UserError
from kd.evaluation.calibration import fit_temperature
from kd.jobs.diagnosis import ComparisonJob, DiagnosisJob
from kd.networks.checkpoint import save_ensemble, save_network
from kd.networks.factory import build_network
from kd.plan.user_files import content
from kd.settings.compute import Compute

pytestmark = pytest.mark.usefixtures("one_thread")
SAMPLES = {"train": 24, "validation": 6, "test": 30}
RANDOM = np.random.default_rng(0)
IMAGES = {part: RANDOM.integers(0, 256, (count, 8, 8, 1), dtype=np.uint8) for part, count in SAMPLES.items()}
LABELS = {part: np.arange(count) % 3 for part, count in SAMPLES.items()}
METRICS = fake_run("alone", "small", architecture="cnn", parameters=100)
CPU = Compute(device="cpu")
SEEDS = [0, 5]  # of the networks "first" and "second"
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
            name: Packing(folder / "shards", "key", 700).pack(name[:-7], images, np.arange(len(images)))
            for name, images in arrays.items()
        }
        arrays = {name: Shards(folder / "shards", index) for name, index in packed.items()}
    arrays |= {f"{part}_labels": labels for part, labels in LABELS.items()}
    facts = {
        "classes": ("dark", "grey", "bright"),
        "mean": (0.5,),
        "std": (0.25,),
        "augmentation": Augmentation(1, True),
    }
    write_dataset(folder / "dataset.safetensors", Dataset(**arrays, **facts))
    (folder / "metrics.json").write_text(json.dumps(METRICS))
    for name, channels in NETWORKS.items():
        weights = {key: value.clone() for key, value in network(name).state_dict().items()}
        for key in ("classifier.weight", "classifier.bias"):
            weights[key] *= 5  # so that they believe something
        about = {"architecture": "cnn", "options": {"channels": channels}, "in_channels": 1, "num_classes": 3}
        save_network(folder / f"{name}.safetensors", weights, **about)
        np.save(folder / f"{name}.npy", answers(name, "test"))
        np.save(folder / f"{name}_validation.npy", answers(name, "validation"))
    return folder


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    return make(tmp_path_factory.mktemp("study"))


def job(role, **more):
    settings = {"role": role, "name": "small", "seeds": [7], "temperatures": [1, 4], "worst": 4}
    return DiagnosisJob(**settings | more)


def run(study, what, logits, out, **more):
    paths = [study / f"{name}.npy" for name in logits]
    more = {"validation_logits": [study / f"{name}_validation.npy" for name in logits]} | more
    files = {"dataset": study / "dataset.safetensors", "diagnosis": out / "diagnosis.json"}
    diagnose.main(what, test_logits=paths, **files, **{"compute": CPU} | more)
    diagnosis = json.loads(files["diagnosis"].read_text())
    assert (diagnosis["classes"], diagnosis["class_images"]) == (["dark", "grey", "bright"], [10, 10, 10])
    return diagnosis


def training_logits(study, out, model="teacher", compute=CPU):
    """Those that a teacher has of the training images."""
    path = out / "train.npy"
    compute_training_logits.main(
        study / "dataset.safetensors", study / f"{model}.safetensors", path, compute=compute
    )
    return path


def compared(study):
    """The job of both comparisons: the students of both seeds."""
    what = ComparisonJob(name="small", teacher="big", method="kd", seeds=SEEDS)
    models = [study / "first.safetensors", study / "second.safetensors"]
    return {"job": what, "dataset": study / "dataset.safetensors", "models": models}


def faithful(study, out, train, compute=CPU):
    """The students beside what their teacher says of the training images, in `train`."""
    path = out / "fidelity.json"
    measure_fidelity.main(**compared(study), teacher_train=train, fidelity=path, compute=compute)
    return path


def alike(study, out, model):
    """The stages of the students beside those of their teacher."""
    path = out / "cka.json"
    compare_feature_maps.main(**compared(study), teacher_model=model, cka=path, compute=CPU)
    return path


def of_students(study, out, **more):
    what = job("distilled", seeds=SEEDS, teacher="big", method="kd")
    return run(study, what, ["first", "second"], out, **more)


def expected(student, part):
    """Agreement in percent, and KL in nats."""
    pairs = list(zip(answers(student, part), answers("teacher", part), strict=True))
    same = [int(np.argmax(own) == np.argmax(taught)) for own, taught in pairs]
    kls = [kl(softened(taught), softened(own)) for own, taught in pairs]
    return {"agreement": 100 * mean(same), "kl": pytest.approx(mean(kls), rel=1e-4)}


@pytest.mark.parametrize("shards", [False, True])
def test_a_teacher_answers_once_for_all_its_students(tmp_path, shards):
    study, compute = make(tmp_path, shards), Compute(device="cpu", stream="always" if shards else "auto")
    path = training_logits(study, tmp_path, compute=compute)
    logits = np.load(path)
    assert (logits.dtype, logits.shape) == (np.float32, (24, 3))
    assert logits == pytest.approx(answers("teacher", "train"), abs=1e-4)
    students = of_students(study, tmp_path, fidelity=faithful(study, tmp_path, path, compute))
    for name, student in zip(("first", "second"), students["runs"], strict=True):
        assert student["fidelity"] == {"test": None, "train": expected(name, "train")}


def test_a_teacher_is_compared_with_nobody(study, tmp_path):
    (one,) = run(study, job("teacher", seeds=[1000]), ["teacher"], tmp_path)["runs"]
    assert (one["seed"], one["fidelity"], one["class_gain"], one["cka"]) == (1000, None, None, None)
    right = answers("teacher", "test").argmax(1) == LABELS["test"]
    assert one["class_accuracy"] == [pytest.approx(100 * right[label::3].mean()) for label in range(3)]
    assert one["correct"] == right.sum()


def test_students_beside_their_teacher_and_themselves_alone(study, tmp_path):
    diagnosis = of_students(
        study,
        tmp_path,
        teacher_test=study / "teacher.npy",
        baseline_logits=[study / "second.npy", study / "second.npy"],
        fidelity=faithful(study, tmp_path, training_logits(study, tmp_path)),
        cka=alike(study, tmp_path, study / "teacher.safetensors"),
    )
    names = [diagnosis[key] for key in ("role", "teacher", "name", "method")]
    assert names == ["distilled", "big", "small", "kd"]
    for name, one in zip(("first", "second"), diagnosis["runs"], strict=True):
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
    assert [one["seed"] for one in diagnosis["runs"]] == SEEDS
    assert diagnosis["runs"][0]["cka"]["values"] != diagnosis["runs"][1]["cka"]["values"]


def test_the_images_shown_are_the_same_for_all_students_of_a_teacher(study, tmp_path):
    diagnosis = of_students(study, tmp_path, teacher_test=study / "teacher.npy")
    first, second = (
        [image["index"] for image in one["soft_targets"] if image["why"] == "ambiguous"]
        for one in diagnosis["runs"]
    )
    doubts = [-sum(p * np.log(p) for p in softened(row)) for row in answers("teacher", "test")]
    assert first == second == sorted(range(30), key=lambda place: -doubts[place])[:3]


def test_each_run_is_calibrated_on_its_own_validation_logits(study, tmp_path):
    diagnosis = of_students(study, tmp_path)
    assert diagnosis["validation_images"] == 6
    for name, one in zip(("first", "second"), diagnosis["runs"], strict=True):
        assert one["calibrated"]["temperature"] == fit_temperature(
            answers(name, "validation"), LABELS["validation"]
        )
        assert (one["calibrated"]["images"], one["calibrated"]["target"]) == (6, 99)
    (one,) = run(study, job("alone", target_accuracy=0.5), ["first"], tmp_path)["runs"]
    assert one["calibrated"]["target"] == 50


@pytest.mark.parametrize("split", [True, False], ids=["a teacher of logits", "no validation split"])
def test_without_validation_logits_nothing_is_calibrated(study, tmp_path, caplog, split):
    caplog.set_level("INFO", "kd")
    np.save(tmp_path / "none.npy", np.empty((0, 3), np.float32))
    files = {"dataset": study / "dataset.safetensors", "validation_logits": [tmp_path / "none.npy"]}
    if not split:
        data = as_arrays(read_dataset(files["dataset"]))
        none = {
            f"validation_{kind}": getattr(data, f"validation_{kind}")[:0] for kind in ("images", "labels")
        }
        files["dataset"] = tmp_path / "without.safetensors"
        write_dataset(files["dataset"], replace(data, **none))
    path = tmp_path / "diagnosis.json"
    diagnose.main(job("teacher"), test_logits=[study / "teacher.npy"], diagnosis=path, compute=CPU, **files)
    diagnosis = json.loads(path.read_text())
    assert diagnosis["runs"][0]["calibrated"] is None
    assert diagnosis["validation_images"] == (6 if split else 0)
    assert ("no temperature scaling: there is no validation split" in caplog.text) == (not split)


def test_an_ensemble_teaches_but_has_no_stages(study, tmp_path):
    both = tmp_path / "both.safetensors"
    save_ensemble(both, [study / "teacher.safetensors", study / "first.safetensors"], [3.0, 1.0])
    path = tmp_path / "train.npy"
    compute_training_logits.main(study / "dataset.safetensors", both, path, compute=CPU)
    together = (3 * answers("teacher", "train") + answers("first", "train")) / 4
    assert np.load(path) == pytest.approx(together, abs=1e-4)
    similarities = json.loads(alike(study, tmp_path, both).read_text())
    assert similarities == {"runs": [{"seed": seed, "cka": None} for seed in SEEDS]}


def test_nobody_to_be_compared_with(study, tmp_path):
    for what in (job("alone"), job("distilled", teacher="(none)", method="plain")):
        (one,) = run(study, what, ["first"], tmp_path)["runs"]
        assert (one["fidelity"], one["cka"], one["class_gain"]) == (None, None, None)
        assert one["soft_targets"][0]["temperatures"][0]["teacher"] is None


def test_no_gpu_is_taken_where_no_network_runs(study, tmp_path, monkeypatch):
    """Such a job asks Snakemake for none, and must not even be set up for one."""
    asked = []

    def set_up_device(compute):
        asked.append(compute.device)
        return torch.device("cpu")

    for script in (diagnose, compute_training_logits, measure_fidelity):
        monkeypatch.setattr(script, "set_up_device", set_up_device)
    compute = Compute(device="auto")
    run(study, job("alone"), ["first"], tmp_path, compute=compute)
    assert asked == ["cpu"]
    np.save(tmp_path / "none.npy", np.empty((0, 3), np.float32))
    faithful(study, tmp_path, tmp_path / "none.npy", compute)
    assert asked == ["cpu"]
    faithful(study, tmp_path, training_logits(study, tmp_path, compute=compute), compute)
    assert asked == ["cpu", "auto", "auto"]


def user_logits(folder, plain=True):
    """The user's logits of 18 views of each image, of which that of the image as it is has the number 4."""
    logits = np.full((18, 24, 3), np.nan, np.float32)
    logits[0] = 1
    if plain:
        logits[4] = answers("teacher", "train")[::-1]
    np.savez(folder / "mine.npz", train_ids=np.arange(24)[::-1], train_logits=logits)
    return content(str(folder / "mine.npz"), "x", folder / "cache")


def taken(study, folder, sha256):
    files = study / "dataset.safetensors", folder / "mine.npz", folder / "train.npy"
    import_training_logits.main(sha256, *files)
    return np.load(files[-1])


def test_of_a_teacher_that_is_logits_the_plain_view_is_taken(study, tmp_path):
    assert np.array_equal(taken(study, tmp_path, user_logits(tmp_path)), answers("teacher", "train"))
    with pytest.raises(UserError, match=r"mine\.npz: has changed since the study was read"):
        taken(study, tmp_path, "0" * 64)


def test_logits_without_the_plain_view_or_the_test_images(study, tmp_path):
    assert taken(study, tmp_path, user_logits(tmp_path, plain=False)).shape == (0, 3)
    students = of_students(study, tmp_path, fidelity=faithful(study, tmp_path, tmp_path / "train.npy"))
    assert [one["fidelity"] for one in students["runs"]] == [None, None]
    for name in ("none", "none_validation"):
        np.save(study / f"{name}.npy", np.empty((0, 3), np.float32))
    assert run(study, job("teacher", seeds=[None]), ["none"], tmp_path)["runs"] == []


def test_what_is_not_whole_is_named(study, tmp_path):
    cut = tmp_path / "train.npy"
    np.save(cut, answers("teacher", "train")[:-1])
    with pytest.raises(
        UserError, match=r"train.npy: holds \(23, 3\) float32, not \(24, 3\) float; delete it"
    ):
        faithful(study, tmp_path, cut)
    assert not (tmp_path / "fidelity.json").exists()


def test_every_diagnosis_has_a_page(study, tmp_path):
    cells, pages = ["alone/small", "teachers/big"], []
    for cell, role in zip(cells, ("alone", "teacher"), strict=True):
        (tmp_path / cell).mkdir(parents=True)
        run(study, job(role), ["first"], tmp_path / cell)
        pages.append(tmp_path / cell / "diagnosis.html")
    build_diagnoses.main(
        report=tmp_path / "report.html",
        dataset=study / "dataset.safetensors",
        diagnoses=[page.with_suffix(".json") for page in pages],
        metrics=[study / "metrics.json"] * 2,
        pages=pages,
    )
    first, second = (page.read_text(encoding="utf-8") for page in pages)
    assert "<h1>Student small (baseline)</h1>" in first
    assert "<h1>Teacher small</h1>" in second
    assert 'href="../../report.html#alone/small"' in first
    assert 'href="../../report.html#teachers/big"' in second
