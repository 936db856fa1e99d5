"""What `make bench` measures with, against numbers worked out by hand; no timing is judged here."""

import json
import subprocess
import sys
import time
import types
from dataclasses import replace

import numpy as np
import pytest
import torch
from batches import batch_of
from bench import distillation, floor, machine, methods, ours, precision, reference
from bench.__main__ import _keep_rows
from bench.images import Pictures, load
from bench.interleave import crew, interleave
from bench.record import Record
from bench.spec import Network, Setting, Spec, command, network
from bench.statistics import ratios, stat
from tiers import sample
from torch import nn

from kd import registry
from kd.data.augmentation import Augmentation
from kd.data.dataset import Dataset, write_dataset
from kd.errors import UserError
from kd.methods.kd import Method
from kd.networks.factory import build_network
from kd.networks.size import count_macs
from kd.teachers.chunks import read_chunk

pytestmark = pytest.mark.usefixtures("one_thread")
CPU = torch.device("cpu")
SETTING = Setting(device="cpu", threads=1, repeats=2)
# A worker that counts its repetitions, and one that dies in its second.
COUNTER = "import sys\nfor number, line in enumerate(sys.stdin): print(f'{{\"n\": {number}}}', flush=True)"
MORTAL = "for number in range(2):\n input(); print('{}', flush=True) if number < 1 else exit('out of luck')"


def bright_or_dark(count=64):
    """Two classes that are distinguished by the brightness of the image, and a network for them."""
    random = np.random.default_rng(0)
    labels = np.arange(count) % 2
    pixels = 60 + 100 * labels[:, None, None, None] + random.integers(0, 40, (count, 8, 8, 1))
    facts = {"classes": 2, "mean": (0.5,), "std": (0.25,), "pad": 1, "flip": False}
    return Pictures(pixels.astype(np.uint8), labels, **facts)


def small(seed=0):
    torch.manual_seed(seed)
    return build_network("cnn", {"channels": [4, 8]}, 1, 2)


def usual(pictures, epochs, **more):
    facts = {name: getattr(pictures, name) for name in ("mean", "std", "pad", "flip")}
    rows = reference.train(
        small(), pictures.images, pictures.labels, epochs=epochs, batch=16, device=CPU, **facts, **more
    )
    return list(rows)


def test_the_floor_counts_what_a_step_computes_and_moves():
    model = nn.Sequential(nn.Conv2d(1, 2, 3, padding=1, bias=False), nn.Flatten(), nn.Linear(32, 3))
    image = torch.zeros(1, 1, 4, 4)
    assert count_macs(model, image) == 2 * 9 * 16 + 32 * 3
    assert floor.count_outputs(model, image) == 2 * 16 + 3
    weights = 18 + 96 + 3
    assert floor.traffic(model, image, batch=10, element_bytes=2) == 4 * 2 * 10 * 35 + 8 * 4 * weights


def test_the_floor_of_a_step_is_the_slower_of_computing_and_moving():
    model, image = build_network("cnn", {}, 3, 10), torch.zeros(1, 3, 32, 32)
    computing = floor.floor_step(network("cnn"), 128, {"matmul": 1e9, "copy": 1e30, "element_bytes": 4})
    assert computing == pytest.approx(6 * 128 * count_macs(model, image) / 1e9)
    moving = floor.floor_step(network("cnn"), 128, {"matmul": 1e30, "copy": 1e9, "element_bytes": 4})
    assert moving == pytest.approx(floor.traffic(model, image, 128, 4) / 1e9)


def test_statistics_and_ratios_of_the_same_repetition():
    assert stat([3.0, 1.0, 2.0, 10.0]) == {"median": 2.5, "low": 1.0, "high": 10.0, "repeats": 4}
    assert ratios([6.0, 8.0], [3.0, 2.0]) == [2.0, 4.0]
    with pytest.raises(ValueError, match="shorter"):
        ratios([1.0, 2.0], [1.0])


CEILINGS = list(zip(distillation.PAIRS, (2.05, 3.87, 7.67), strict=True))


@pytest.mark.parametrize(
    ("teachers", "rows"),
    [(["resnet18", "cnn"], [("resnet18", False), ("resnet18", True)]), (["densenet"], [("densenet", False)])],
)
def test_the_pairs_of_chosen_teachers_alone_are_measured(teachers, rows, monkeypatch):
    seconds = {loop: [{"seconds": 1.0}] for loop in ("reference", "targets", "cached", "live")}
    monkeypatch.setattr(distillation, "interleave", lambda *_: seconds)
    measured = distillation.measure(Setting(device="cpu", threads=1), teachers)
    assert [(row["teacher"], row.get("mixed", False)) for row in measured] == rows


@pytest.mark.parametrize(("pair", "times"), sample(CEILINGS, CEILINGS[:1]))
def test_the_ceilings_are_the_known_ones(pair, times):
    assert distillation.ceiling(*pair) == pytest.approx(times, abs=0.005)
    # With one student nothing is gained; with very many the table costs nothing.
    assert distillation.billed_ceiling(*pair, students=1) == pytest.approx(1)
    assert distillation.billed_ceiling(*pair, students=10**9) == pytest.approx(times, abs=0.005)


def test_the_bill_of_six_students_holds_their_targets_once():
    seconds = {"reference": [4.0, 4.0], "targets": [3.0, 6.0], "cached": [0.5, 1.0], "live": [2.0, 2.0]}
    summary = distillation._summary(seconds)
    assert summary["ratio"] == stat([24 / 6, 24 / 12])
    assert summary["cached_over_live"] == stat([4.0, 2.0])


def test_the_usual_loop_learns_and_says_what_it_took():
    rows = usual(bright_or_dark(), 4, lr=0.05, cosine=True)
    assert len(rows) == 4
    for row in rows:
        assert set(row) == {"seconds", "step_seconds", "loss", "accuracy"}
        assert row["seconds"] >= 4 * row["step_seconds"] > 0
    assert rows[-1]["loss"] < rows[0]["loss"]
    assert rows[-1]["accuracy"] > 90


def test_the_tuned_loop_learns_too_and_takes_a_teacher():
    rows = usual(bright_or_dark(), 3, lr=0.05, tuned=True, teacher=small(1))
    assert rows[-1]["loss"] < rows[0]["loss"]


def test_the_usual_loss_with_a_teacher_is_the_loss_of_our_method():
    teacher, inputs = small(1).eval(), torch.randn(5, 1, 8, 8)
    outputs, labels = torch.randn(5, 2), torch.tensor([0, 1, 1, 0, 1])
    terms = Method().losses(batch_of(outputs, teacher(inputs), labels))
    plain = reference._loss(teacher, inputs, outputs, labels)
    assert plain.item() == pytest.approx(sum(terms.values()).item(), rel=1e-5)


def test_our_loops_give_the_same_rows_and_read_the_stored_answers(tmp_path):
    pictures, rows = bright_or_dark(), []
    teacher = ours.stored_teacher(small(1), pictures, CPU, 3, tmp_path)
    settings = {"batch": 16, "epochs": 3, "teacher": teacher}
    ours.train(small(), pictures, CPU, **settings, report=rows.append)
    assert len(rows) == 3
    assert {"seconds", "step_seconds", "loss", "accuracy"} <= set(rows[0])
    assert rows[0]["step_seconds"] == pytest.approx(rows[0]["seconds"] / 4)


def test_both_loops_train_on_resized_and_mixed_images(tmp_path):
    """The stored targets are those of a visit: each sample once for each epoch."""
    mixed = replace(bright_or_dark(), mixed=True)
    (row,) = usual(mixed, 1, teacher=small(1), mixed=True)
    assert np.isfinite(row["loss"])
    images = ours.load_split(mixed, CPU).images
    assert (images.augmentation.area, images.augmentation.mixup) == ((0.25, 1.0), 0.2)
    teacher, rows = ours.stored_teacher(small(1), mixed, CPU, 2, tmp_path), []
    ours.train(small(), mixed, CPU, batch=16, epochs=2, teacher=teacher, report=rows.append)
    assert np.isfinite([row["loss"] for row in rows]).all()
    (store,) = (tmp_path / "table").glob("*/")
    positions = [read_chunk(path, "")[0] for path in store.glob("*.safetensors")]
    assert np.concatenate(positions).tolist() == list(range(2 * 64))


def test_a_repetition_of_targets_is_one_view_of_every_image(tmp_path):
    rows = []
    ours.time_targets(small(), bright_or_dark(), CPU, 2, tmp_path, rows.append)
    assert [set(row) for row in rows] == [{"seconds"}] * 2
    chunks = [list((tmp_path / f"bench-{epoch}").glob("*.safetensors")) for epoch in range(2)]
    samples = len(bright_or_dark().labels)
    for (chunk,) in chunks:
        positions, _ = read_chunk(chunk, "")
        assert sorted(positions % samples) == list(range(samples))


def test_workers_take_turns_and_their_first_repetition_does_not_count(capfd):
    commands = {name: [sys.executable, "-c", COUNTER] for name in ("a", "b")}
    rows = interleave("trial", commands, 3)
    assert rows == {name: [{"n": 1}, {"n": 2}, {"n": 3}] for name in ("a", "b")}
    reported = [line for line in capfd.readouterr().err.splitlines() if "repetition" in line]
    assert [line[-1] for line in reported] == list("ababab")
    assert "trial: repetition 2 of 3, left 0:00" in reported[2]


def test_a_worker_that_dies_is_one_error_with_its_last_words_and_ends_the_others():
    commands = {"fine": [sys.executable, "-c", COUNTER], "mortal": [sys.executable, "-c", MORTAL]}
    processes, popen = [], subprocess.Popen

    class Remembered(popen):
        def __init__(self, *arguments, **more):
            super().__init__(*arguments, **more)
            processes.append(self)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(subprocess, "Popen", Remembered)
        with pytest.raises(UserError, match=r"loop mortal ended with code 1:\nout of luck"):
            interleave("trial", commands, 5)
    assert [process.poll() for process in processes] == [0, 1]


def test_a_worker_that_does_not_listen_is_ended_all_the_same(monkeypatch):
    monkeypatch.setattr("bench.interleave.PATIENCE", 0.2)
    deaf = [sys.executable, "-c", "import time; time.sleep(60)"]
    started = time.monotonic()
    with crew({"deaf": deaf}):
        pass
    assert time.monotonic() - started < 10


@pytest.mark.full
def test_a_worker_process_answers_each_go_with_a_row_and_nothing_else():
    shared = {"setting": SETTING, "images": 16, "batch": 8, "repetitions": 3}
    spec = Spec(loop="cached", network=network("mobilenet_quarter"), **shared)
    assert Spec.model_validate_json(spec.model_dump_json()) == spec
    rows = interleave("trial", {"cached": command(spec)}, 2)["cached"]
    assert [row["seconds"] > 0 for row in rows] == [True, True]


def test_images_are_random_but_always_the_same_unless_a_data_set_is_specified(tmp_path):
    pictures = load(12)
    assert pictures.images.shape == (12, 32, 32, 3)
    assert pictures.images.dtype == np.uint8
    assert pictures.labels.max() < pictures.classes == 10
    assert np.array_equal(pictures.images, load(12).images)

    part = np.arange(5 * 8 * 8, dtype=np.uint8).reshape(5, 8, 8, 1), np.arange(5)
    arrays = {
        f"{name}_{kind}": array
        for name in ("train", "validation", "test")
        for kind, array in zip(("images", "labels"), part, strict=True)
    }
    facts = {"classes": tuple("abcde"), "mean": (0.5,), "std": (0.25,), "augmentation": Augmentation(1)}
    write_dataset(tmp_path / "dataset.safetensors", Dataset(**arrays, **facts))
    loaded = load(7, str(tmp_path / "dataset.safetensors"))
    assert loaded.labels.tolist() == [0, 1, 2, 3, 4, 0, 1]
    assert (loaded.pad, loaded.flip, loaded.classes) == (1, False, 5)


def test_a_section_that_is_not_measured_again_keeps_what_was_known(tmp_path, monkeypatch):
    def write(results, folder):
        folder.mkdir(exist_ok=True)
        (folder / "here.json").write_text(json.dumps(results))

    monkeypatch.setitem(sys.modules, "bench.report", types.SimpleNamespace(write=write))
    Record(tmp_path, "here", {}, SETTING).keep("training", [{"network": "cnn"}])
    Record(tmp_path, "here", {}, SETTING.model_copy(update={"repeats": 9})).keep("workflow", [])
    results = json.loads((tmp_path / "here.json").read_text())
    assert results["training"] == [{"network": "cnn"}]
    assert [results["measured"][name]["settings"]["repeats"] for name in ("training", "workflow")] == [2, 9]


def test_an_interrupted_section_keeps_the_rows_that_it_has():
    def rows():
        yield {"network": "cnn"}
        raise KeyboardInterrupt

    kept = {}
    with pytest.raises(KeyboardInterrupt):
        _keep_rows(types.SimpleNamespace(keep=kept.__setitem__), "training", rows())
    assert kept == {"training": [{"network": "cnn"}]}


@pytest.mark.parametrize(
    ("name", "device", "slug"),
    [
        ("AMD EPYC", "cpu", "amd-epyc-2-cores"),
        ("Intel(R) Xeon(R) CPU E5-2673 v4 @ 2.30GHz", "cpu", "intel-xeon-e5-2673-v4-2-cores"),
        ("AMD EPYC 7763 64-Core Processor", "cpu", "amd-epyc-7763-2-cores"),
        ("NVIDIA H100 80GB HBM3", "cuda", "nvidia-h100-80gb-hbm3"),
    ],
)
def test_files_are_named_by_the_machine(name, device, slug):
    assert machine.slug({"device": name, "cores": 2}, device) == slug


@pytest.mark.parametrize("name", sample(registry.methods(), ("kd", "label_smoothing", "crd", "ab", "dml")))
def test_every_method_can_be_timed(tmp_path, name):
    """Two epochs are asked for, and a third where the method has one before them."""
    pictures, rows = bright_or_dark(), []
    student = small()
    teacher_for = Network(name="cnn", architecture="cnn", options={"channels": [4, 8]})
    method, teacher = ours.prepared_method(name, student, teacher_for, pictures, CPU, 2, tmp_path, 16)
    ours.train(student, pictures, CPU, batch=16, epochs=2, teacher=teacher, method=method, report=rows.append)
    assert len(rows) == 2 + method.preliminary
    assert all(row["step_seconds"] > 0 for row in rows)
    assert (teacher is None) == (methods.what_it_has(name) == "none")


def test_the_rows_of_methods_are_paired_with_plain_training_of_the_same_turn(monkeypatch):
    def interleave(what, commands, repeats):
        assert next(iter(commands)) == "cross_entropy"
        return {
            name: [{"step_seconds": 2.0 if place else 1.0}] * repeats for place, name in enumerate(commands)
        }

    monkeypatch.setattr(methods, "interleave", interleave)
    rows = list(methods.measure(Setting(device="cpu", threads=1, repeats=3, images=8)))
    assert {row["method"] for row in rows} == set(registry.methods()) - {"cross_entropy"}
    assert all(row["ratio"]["median"] == 2.0 for row in rows)
    assert {row["method"]: row["teacher"] for row in rows}["kd"] == "stored"


@pytest.mark.parametrize("compile", ["auto", "always"])
def test_the_variants_of_a_step_are_compared_with_float32(monkeypatch, compile):
    specs = {}

    def interleave(what, commands, repeats):
        specs.update({name: Spec.model_validate_json(line[-1]) for name, line in commands.items()})
        return {name: [{"step_seconds": 4.0 / (1 + place)}] * repeats for place, name in enumerate(commands)}

    monkeypatch.setattr(precision, "interleave", interleave)
    monkeypatch.setattr(precision, "has_bf16", lambda device: True)
    setting = Setting(device="cpu", threads=1, repeats=3, compile=compile)
    (row,) = precision.measure(setting, ["cnn"])
    compiled = ["float32, compiled", "bf16, compiled"] if compile == "always" else []
    names = ["float32", "bf16", *compiled, "float32, NCHW"]
    assert list(row["steps"]) == list(specs) == names
    assert {name: row["ratios"][name]["median"] for name in names[1:]} == {
        name: 1.0 + place for place, name in enumerate(names) if place
    }
    chosen = {name: (it.setting.precision, it.setting.compile, it.contiguous) for name, it in specs.items()}
    assert chosen["float32"] == ("fp32", "never", False)
    assert chosen["bf16"] == ("bf16", "never", False)
    assert chosen["float32, NCHW"] == ("fp32", "never", True)
    assert all(chosen[name][1] == "always" for name in compiled)
    monkeypatch.setattr(precision, "has_bf16", lambda device: False)
    assert list(precision.measure(setting, ["cnn"])) == []


def test_a_network_that_is_not_channels_last_computes_on_maps_that_are_not():
    images, seen = torch.rand(2, 3, 8, 8).contiguous(memory_format=torch.channels_last), []
    model = nn.Sequential(nn.Conv2d(3, 4, 3)).to(memory_format=torch.channels_last)
    model[0].register_forward_hook(lambda module, images, output: seen.append(output))
    model(images)
    ours.make_contiguous(model)
    model(images)
    lies_last = [maps.is_contiguous(memory_format=torch.channels_last) for maps in seen]
    assert (lies_last, seen[1].is_contiguous()) == ([True, False], True)
    torch.testing.assert_close(seen[0], seen[1])
