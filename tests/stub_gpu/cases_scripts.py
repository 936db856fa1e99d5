"""The scripts of the workflow on the stand-in, whose fresh memory is zero here: numbers that are read back are sane."""

import tempfile
from collections.abc import Iterator
from dataclasses import fields
from functools import partial
from pathlib import Path

import numpy as np
from on_stub import Case

import build_ensemble
import cache_targets
import compare_feature_maps
import compute_training_logits
import measure_fidelity
import train
from kd.data.augmentation import Augmentation
from kd.data.dataset import Dataset, write_dataset
from kd.jobs.diagnosis import ComparisonJob
from kd.jobs.teachers import EnsembleJob, TargetsJob
from kd.jobs.training import TrainJob
from kd.settings.compute import Compute
from kd.settings.recipe import Recipe
from kd.training.outputs import Outputs

GPU = Compute(device="cuda", cuda_graphs="never", compile="never")
LIVE = {"fitnet": {}, "simkd": {}, "crd": {}, "ofd": {}, "ft": {"init_epochs": 1}, "dml": {}}
TAUGHT = {"teacher": "teacher", "method_name": "kd"}
NAMES = (
    "metrics.json",
    "history.csv",
    "model.safetensors",
    "test_logits.npy",
    "board",
    "validation_logits.npy",
)


def scripts() -> Iterator[Case]:
    """Each script that computes, in the order of a study."""
    root = Path(tempfile.mkdtemp())
    data = root / "dataset.safetensors"
    _write_data(data)
    model, other = root / "teacher" / "model.safetensors", root / "teacher2" / "model.safetensors"
    both = [
        root / f"both_{name}"
        for name in ("model.safetensors", "metrics.json", "test_logits.npy", "validation.npy")
    ]
    note, logits = root / "targets" / "3" / "2.json", root / "train.npy"
    students = [root / name / "model.safetensors" for name in ("cached", "live")]

    def trains(folder: str, role: str = "alone", compute: Compute = GPU, **more) -> Case:
        settings = {name: more.pop(name) for name in [*more] if name in TrainJob.model_fields}
        return partial(_train, root / folder, data, _job(role, **settings), compute, **more)

    yield "train: a teacher", trains("teacher", "teacher")
    wide = {"architecture": "resnet18", "options": {"width": 0.125}}
    yield "train: another", trains("teacher2", "teacher", **wide)
    targets = TargetsJob(seed=3, epochs=2), "c", data, model, root / "targets" / "table", note
    yield "cache_targets", partial(cache_targets.main, *targets, compute=GPU)
    kd = {"methods": [("kd", {})], **TAUGHT, "teacher_model": model}
    test = model.with_name("test_logits.npy")
    yield (
        "train: cached logits",
        trains("cached", "distilled", **kd, teacher_logits=test, targets=[note]),
    )
    yield "train: a live teacher", trains("live", "distilled", **kd)
    for name, options in LIVE.items():
        if name != "crd":  # its preparation counts labels, which the stand-in cannot
            yield f"train: {name}", trains(name, "distilled", **{**kd, "methods": [(name, options)]})
    yield "train: streamed", trains("streamed", compute=GPU.model_copy(update={"stream": "always"}))
    often = GPU.model_copy(update={"checkpoint_seconds": 1e-6})
    yield "train: checkpoints", trains("kept", compute=often, work=root / "work")
    without = root / "without.safetensors"
    _write_data(without, validation=0)
    yield "train: no validation split", partial(_train, root / "unvalidated", without, _job("alone"), GPU)
    ensemble = EnsembleJob(name="both", members=["a", "b"], weights=[1, 2]), data, [model, other], *both
    yield "build_ensemble", partial(build_ensemble.main, *ensemble, compute=GPU)
    weighted = {**kd, "weights": [1.0, 2.0], "teacher_model": both[0]}
    yield "train: an ensemble", trains("taught by both", "distilled", **weighted)
    yield "compute_training_logits", partial(compute_training_logits.main, data, model, logits, compute=GPU)
    job = ComparisonJob(name="small", teacher="big", method="kd", seeds=[0, 5])
    compared = {"job": job, "dataset": data, "models": students, "compute": GPU}
    fidelity = {"teacher_train": logits, "fidelity": root / "f.json"}
    yield "measure_fidelity", partial(measure_fidelity.main, **compared, **fidelity)
    cka = {"teacher_model": model, "cka": root / "c.json"}
    yield "compare_feature_maps", partial(compare_feature_maps.main, **compared, **cka)


def _write_data(path: Path, validation: int = 9) -> None:
    random, arrays = np.random.default_rng(0), {}
    for part, count in (("train", 60), ("validation", validation), ("test", 30)):
        arrays[f"{part}_images"] = random.integers(0, 256, (count, 16, 16, 3), dtype=np.uint8)
        arrays[f"{part}_labels"] = np.arange(count) % 3
    facts = {"classes": ("a", "b", "c"), "mean": (0.5,) * 3, "std": (0.25,) * 3}
    write_dataset(path, Dataset(**arrays, **facts, augmentation=Augmentation(1, True)))


def _job(role: str, **more) -> TrainJob:
    settings = {"role": role, "name": "small", "architecture": "cnn", "options": {"channels": [8, 8]}}
    settings |= {
        "recipe": Recipe(epochs=2, batch_size=16, lr=0.05),
        "methods": [("cross_entropy", {})],
        "seed": 3,
    }
    return TrainJob(**{**settings, **more})


def _train(folder: Path, data: Path, job: TrainJob, compute: Compute, **more) -> None:
    folder.mkdir()
    assert len(fields(Outputs)) == len(NAMES)
    train.main(job, data, Outputs(*(folder / name for name in NAMES)), compute=compute, **more)
