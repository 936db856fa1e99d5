"""Teachers that come from elsewhere: their weights are taken over, and followed by what they hold."""

import io
import json
import shutil

import numpy as np
import pytest
from checkout import diagnosed
from diagnoses import checked_diagnoses
from refusal import PREPARED, refused
from reruns import PAGE, REPORT

from kd.data.dataset import read_dataset


@pytest.fixture
def with_weights(finished):
    """The finished study beside another one, whose teachers are two of its networks.

    Its own teachers have learned too little in two epochs: they are at chance, and refused for that.
    """
    kept = finished.folder / "kept"
    kept.mkdir()
    for place, name in (("alone/cnn/0", "cnn"), ("teachers/mobilenet", "mobilenet")):
        source = finished.folder / "results/tiny" / place / "model.safetensors"
        shutil.copy2(source, kept / f"{name}.safetensors")
    return finished


CNN = {"architecture": "cnn", "width": 0.125}
VGG = {"architecture": "vgg16", "width": 0.125}


def study(file="kept/cnn.safetensors", network=CNN, **changes):
    mine = {**network, "external": file}
    teachers = {"mine": mine, "cnn": {"width": 0.125}, "both": {"ensemble": ["mine", "cnn"]}}
    return {"study": "other", "teachers": teachers, "seeds": [0]} | changes


@pytest.mark.full
def test_weights_of_another_study(with_weights):
    fresh = with_weights
    fresh.configure(**study(methods={"kd": {}, "at": {}}))
    results = fresh.folder / "results"
    assert fresh.pending()["import_weights"] == {"mine"}
    fresh.run()
    metrics = json.loads((results / "other/teachers/mine/metrics.json").read_text())
    expected = json.loads((results / "tiny/alone/cnn/0/metrics.json").read_text())
    for key in ("test_accuracy", "validation_accuracy", "parameters", "macs"):
        assert metrics[key] == expected[key], key
    assert metrics["test_loss"] == pytest.approx(expected["test_loss"], rel=1e-5)
    tables = list((results / "other/targets/mine/table").glob("*/*.safetensors"))
    assert len(tables) == 1  # for its students, and those of the ensemble
    table = (results / "other/table.csv").read_text()
    assert "weights given" in table
    diagnoses = checked_diagnoses(results / "other")
    taught = {cell: diagnosis["runs"][0] for cell, diagnosis in diagnoses.items() if "distilled" in cell}
    cells = ("mine/cnn/kd", "mine/cnn/at", "cnn/cnn/kd", "cnn/cnn/at", "both/cnn/kd")
    assert set(taught) == {f"distilled/{cell}" for cell in cells}
    assert all(run["fidelity"]["train"]["kl"] > 0 for run in taught.values())
    assert fresh.pending() == {}

    # Another place is no change; another content is one of this teacher and what it teaches.
    (fresh.folder / "kept/cnn.safetensors").rename(fresh.folder / "moved.safetensors")
    fresh.configure(**study("moved.safetensors", methods={"kd": {}, "at": {}}))
    assert fresh.pending() == PAGE
    again = fresh.folder / "moved.safetensors"
    again.write_bytes(retrained(again))
    assert fresh.pending() == {
        "import_weights": {"mine"},
        "cache_targets": {"mine 0 2"},
        "build_ensemble": {"both"},
        "distill_student": {"mine cnn kd 0", "mine cnn at 0", "both cnn kd 0"},
        **diagnosed("mine, both", students="mine cnn kd, mine cnn at, both cnn kd"),
        **REPORT,
    }


def retrained(path):
    """The file with one weight changed, under the plain names of the architecture."""
    from safetensors.torch import load_file, save

    weights = load_file(path)
    weights["classifier.bias"] += 1
    return save(weights)


@pytest.mark.full
def test_weights_that_do_not_fit_are_one_line_of_the_job(with_weights):
    fresh = with_weights
    shutil.rmtree(fresh.folder / "results")
    shutil.rmtree(fresh.folder / ".snakemake")
    from safetensors.torch import load_file, save_file

    weights = load_file(fresh.folder / "kept/mobilenet.safetensors")
    save_file(weights, fresh.folder / "plain.safetensors")
    target = "results/tiny/teachers/mine/metrics.json"
    fresh.configure(**study("plain.safetensors", VGG, study="tiny"))
    says = "plain.safetensors: does not fit this architecture and data set: it lacks stages."
    refused(fresh, target, says=[says], made=PREPARED)
    fresh.configure(**study("kept/mobilenet.safetensors", VGG, study="tiny"))
    refused(
        fresh, target, says=["kept/mobilenet.safetensors: holds mobilenet {…}, not vgg16 {"], made=PREPARED
    )


def stored(file="mine.npz"):
    return {
        "dataset": {"name": "digits", "test_fraction": 0.8, "pad": 0},
        "teachers": {"mine": {"logits": file}, "cnn": {"width": 0.125}},
        "methods": {"kd": {}, "chain": {"method": "kd", "generations": 2}, "at": {}},
        "seeds": [0],
    }


@pytest.mark.full
def test_logits_instead_of_a_teacher(fresh):
    """Those that know every label, shuffled: with nothing but them a student is taught."""
    fresh.configure(**stored())
    done = fresh.snakemake("--dry-run")
    assert done.returncode == 1
    assert (
        "teachers.mine.logits: 'mine.npz' cannot be read: No such file or directory"
        in done.stdout + done.stderr
    )
    fresh.run("results/tiny/data/dataset.safetensors")
    data = read_dataset(fresh.folder / "results/tiny/data/dataset.safetensors")
    sizes = data.train_labels, data.test_labels
    (fresh.folder / "mine.npz").write_bytes(archive(*sizes))
    output = fresh.run()
    assert "not run with teachers.mine, which has logits alone: at" in output
    results = fresh.folder / "results/tiny"
    metrics = json.loads((results / "teachers/mine/metrics.json").read_text())
    assert (metrics["train_accuracy"], metrics["test_accuracy"], metrics["parameters"]) == (100, 100, None)
    student = json.loads((results / "distilled/mine/cnn/kd/0/metrics.json").read_text())
    # The teacher is always right, so who agrees with it is right.
    assert student["agreement"] == pytest.approx(student["test_accuracy"])
    assert not (results / "distilled/mine/cnn/at").exists()
    diagnoses = checked_diagnoses(results)
    for cell in ("distilled/mine/cnn/kd", "distilled/mine/cnn/chain"):
        (run,), taught = diagnoses[cell]["runs"], json.loads((results / cell / "0/metrics.json").read_text())
        assert run["fidelity"]["train"]["agreement"] == pytest.approx(taught["train_accuracy"])
    assert fresh.pending() == {}

    (fresh.folder / "mine.npz").rename(fresh.folder / "moved.npz")
    fresh.configure(**stored("moved.npz"))
    assert fresh.pending() == PAGE
    (fresh.folder / "moved.npz").write_bytes(archive(*sizes, scale=5))
    diagnosis_jobs = diagnosed("mine", students="mine cnn kd, mine cnn chain")
    assert fresh.pending() == {
        "import_logits": {"mine"},
        "import_targets": {"mine 0 2"},
        "distill_intermediate": {"mine chain cnn 0"},
        "distill_student": {"mine cnn kd 0", "mine cnn chain 0"},
        "import_training_logits": {"mine"},
        **{rule: jobs for rule, jobs in diagnosis_jobs.items() if rule != "compute_training_logits"},
        **REPORT,
    }


def archive(train, test, scale=10):
    """Logits that know these labels (N,), in another order than that of the samples."""
    buffer, arrays = io.BytesIO(), {}
    for part, labels in (("train", train), ("test", test)):
        labels = np.atleast_1d(np.asarray(labels))
        ids = np.random.default_rng(0).permutation(len(labels))
        arrays |= {f"{part}_ids": ids, f"{part}_logits": scale * np.eye(10, dtype=np.float32)[labels[ids]]}
    np.savez(buffer, **arrays)
    return buffer.getvalue()
