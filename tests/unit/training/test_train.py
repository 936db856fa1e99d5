"""The script that trains, called as a function on a handful of images."""

# ruff: noqa: F811 (fixtures of another file, which pytest asks for by name)

import copy
import json

import numpy as np
import pytest
import torch
from small_jobs import (  # noqa: F401 (fixtures)
    CPU,
    dataset,
    job,
    make_targets,
    outputs_in,
    rows_of,
    run,
    teacher,
)

import train
from kd.data.dataset import read_dataset, write_dataset
from kd.data.loader import load_split
from kd.errors import UserError
from kd.evaluation.metrics import evaluate
from kd.monitor import log as runlog
from kd.networks.checkpoint import load_network
from kd.runtime.speed import Speed
from kd.settings.compute import Compute
from kd.settings.recipe import Recipe
from kd.training import outputs as outcome
from kd.training import setup
from kd.training.outputs import Outputs

pytestmark = pytest.mark.usefixtures("one_thread")


def test_a_teacher_learns_and_says_all_that_the_table_needs(teacher):
    metrics = teacher[1]
    assert metrics["test_accuracy"] > 90
    assert metrics["role"] == "teacher"
    assert metrics["loss_function"] == "CE"
    assert metrics["agreement"] is metrics["method"] is metrics["teacher"] is None
    # 3×3 convolutions 1 → 8 → 8 without bias, two norms, 8 → 3 classifier
    assert metrics["parameters"] == 72 + 16 + 576 + 16 + 27
    assert metrics["macs"] == 64 * 72 + 16 * 576 + 24
    for key in ("train_loss", "validation_accuracy", "test_loss", "ece", "seconds", "selected_test_accuracy"):
        assert isinstance(metrics[key], float)
    assert set(metrics["versions"]) >= {"python", "torch", "numpy"}
    assert metrics["device"]
    assert metrics["commit"]


def test_metrics_can_be_recomputed_from_the_stored_logits(teacher, dataset):
    folder, metrics = teacher
    logits, labels = np.load(folder / "test_logits.npy"), np.arange(30) % 3
    assert metrics["test_accuracy"] == pytest.approx(100 * (logits.argmax(1) == labels).mean())
    probabilities = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    assert metrics["test_loss"] == pytest.approx(-np.log(probabilities[range(30), labels]).mean(), rel=1e-4)


def test_the_history_has_a_row_per_epoch(teacher):
    folder, metrics = teacher
    rows = rows_of(folder)
    assert [row["epoch"] for row in rows] == [str(epoch) for epoch in range(1, 13)]
    accuracies = [float(row["validation_accuracy"]) for row in rows]
    assert metrics["validation_accuracy"] == pytest.approx(accuracies[-1])
    assert metrics["selected_validation_accuracy"] == max(accuracies)
    assert accuracies[metrics["selected_epoch"] - 1] == max(accuracies)


def test_tensorboard_can_read_the_events(teacher):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(teacher[0] / "board")).Reload()
    assert {"loss", "lr", "train_accuracy", "validation_accuracy"} <= set(events.Tags()["scalars"])
    assert [event.step for event in events.Scalars("loss")] == list(range(1, 13))
    (at_the_end,) = events.Scalars("test_accuracy")
    assert (at_the_end.step, at_the_end.value) == (12, pytest.approx(teacher[1]["test_accuracy"]))
    assert len(events.Tags()["images"]) == 2


def test_validation_is_evaluated_again_only_where_no_epoch_was_left(dataset, tmp_path, monkeypatch, caplog):
    """Cut off after its last epoch, it goes on to the same picture of what it does worst."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    def evaluated():
        messages = [record.getMessage() for record in caplog.records if "evaluates" in record.getMessage()]
        caplog.clear()
        return [line.partition("  ")[2] for line in messages]

    def pictures(folder):
        events = EventAccumulator(str(folder / "board")).Reload()
        return [events.Images(name)[0].encoded_image_string for name in sorted(events.Tags()["images"])]

    def cut_off(*arguments, **more):
        raise UserError("cut off")

    caplog.set_level("INFO", "kd")
    usual = ["evaluates on 60 train images", "evaluates on 30 test images"]
    run(tmp_path / "plain", dataset, job())
    assert evaluated() == usual
    monkeypatch.setattr("small_jobs.CPU", Compute(device="cpu", checkpoint_seconds=1e-6))
    with monkeypatch.context() as broken:
        broken.setattr(outcome, "save_network", cut_off)
        with pytest.raises(UserError, match="cut off"):
            run(tmp_path / "resumed", dataset, job(), work=tmp_path / "work")
    assert evaluated() == usual
    run(tmp_path / "resumed", dataset, job(), work=tmp_path / "work")
    assert evaluated() == [*usual, "evaluates on 9 validation images"]
    assert pictures(tmp_path / "resumed") == pictures(tmp_path / "plain")
    assert list((tmp_path / "work").iterdir()) == []


def test_a_run_does_not_go_on_in_another_precision(dataset, tmp_path, monkeypatch):
    """It would be neither of the two, and no page could say so."""

    def cut_off(*arguments, **more):
        raise UserError("cut off")

    work, states = tmp_path / "work", lambda: {path.name for path in work.iterdir()}
    monkeypatch.setattr("small_jobs.CPU", Compute(device="cpu", checkpoint_seconds=1e-6))
    with monkeypatch.context() as broken:
        broken.setattr(outcome, "save_network", cut_off)
        with pytest.raises(UserError, match="cut off"):
            run(tmp_path / "first", dataset, job(), work=work)
    kept = states()
    with monkeypatch.context() as other:
        other.setattr(train, "choose_speed", lambda *about, **more: Speed(bf16=True))
        metrics = run(tmp_path / "other", dataset, job(), work=work)
    assert metrics["compute"]["precision"] == "bf16"
    assert len(kept) == 1
    assert states() == kept
    assert run(tmp_path / "first", dataset, job(), work=work)["compute"] == {
        "device": "cpu",
        "precision": "float32",
        "compiled": False,
        "cuda_graph": False,
        "threads": 1,
        "deterministic": True,
    }
    assert not states()


def test_the_same_job_gives_the_same_bytes_and_another_seed_does_not(dataset, tmp_path):
    for name, seed in (("one", 3), ("two", 3), ("other", 4)):
        (tmp_path / name).mkdir()
        run(tmp_path / name, dataset, job(seed=seed))
    models = {name: (tmp_path / name / "model.safetensors").read_bytes() for name in ("one", "two", "other")}
    assert models["one"] == models["two"] != models["other"]


def distill(folder, dataset, teacher, **more):
    folder.mkdir()
    what = job("distilled", teacher="big", method_name="soft", methods=[("kd", {"temperature": 2})])
    return run(folder, dataset, what, teacher_logits=teacher[0] / "test_logits.npy", **more)


def test_a_student_of_stored_targets_ends_where_one_of_a_live_teacher_does(
    teacher, dataset, tmp_path, caplog
):
    """Float16 rounding of logits near 4 is 0.002; a teacher that saw other views would be far off."""
    caplog.set_level("INFO", "kd")
    note, _ = make_targets(teacher, dataset, tmp_path, 3)
    cached = distill(tmp_path / "cached", dataset, teacher, targets=[note])
    live = distill(tmp_path / "live", dataset, teacher, teacher_model=teacher[0] / "model.safetensors")
    logits = {name: np.load(tmp_path / name / "test_logits.npy") for name in ("cached", "live")}
    assert np.abs(logits["cached"] - logits["live"]).max() < 0.02
    assert cached["agreement"] == pytest.approx(live["agreement"], abs=3.4)  # one of thirty
    assert cached["loss_function"] == "0.1·CE + 0.9·T²·KL, T=2"
    said = [record.getMessage() for record in caplog.records if "  teacher: " in record.getMessage()]
    assert ["stored logits" in line for line in said] == [True, False]
    agreed = logits["cached"].argmax(1) == np.load(teacher[0] / "test_logits.npy").argmax(1)
    assert cached["agreement"] == pytest.approx(100 * agreed.mean())
    rows = rows_of(tmp_path / "cached")
    assert float(rows[0]["loss_ce"]) + float(rows[0]["loss_kd"]) == pytest.approx(
        float(rows[0]["loss"]), rel=1e-4
    )


def test_targets_of_another_seed_are_not_enough(teacher, dataset, tmp_path):
    note, _ = make_targets(teacher, dataset, tmp_path, 4)
    with pytest.raises(
        UserError,
        match=r"not the targets that .*4\.json declares: some are gone .* are another run's; delete .*4\.json",
    ):
        distill(tmp_path / "out", dataset, teacher, targets=[note])
    assert not (tmp_path / "out" / "metrics.json").exists()


@pytest.mark.parametrize("content", [b"", b"\x93NUMPY", b"PK"])
def test_broken_logits_of_a_teacher_are_named(teacher, dataset, tmp_path, content):
    note, _ = make_targets(teacher, dataset, tmp_path, 3)
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "test_logits.npy").write_bytes(content)
    with pytest.raises(UserError, match=r"test_logits\.npy: not whole"):
        distill(tmp_path / "out", dataset, (tmp_path / "broken", None), targets=[note])
    assert not (tmp_path / "out" / "metrics.json").exists()


def test_a_batch_larger_than_the_training_split_is_refused(dataset, tmp_path):
    recipe = Recipe(epochs=1, batch_size=61)
    with pytest.raises(UserError, match=r"batch_size: 61 is more than the 60 training images; at most 60"):
        run(tmp_path, dataset, job(recipe=recipe))
    assert list(tmp_path.iterdir()) == []


def test_a_network_larger_than_the_memory_is_refused_before_it_is_built(dataset, tmp_path):
    what = job(architecture="resnet18", options={"width": 16})
    with pytest.raises(UserError, match=r"it has 2,8\d\d,\d\d\d,\d\d\d parameters.*GB.*make it smaller"):
        run(tmp_path, dataset, what)
    assert list(tmp_path.iterdir()) == []


def test_running_out_of_memory_says_what_to_do_and_keeps_the_last_state(dataset, tmp_path, monkeypatch):
    """As on a GPU on which another job came to need more, in the second epoch of three."""
    import torch

    plain = run(tmp_path, dataset, job(epochs=3))["train_loss"]
    (tmp_path / "out").mkdir()
    build, calls = setup.build_network, []

    def short_of_memory(*arguments, **options):
        network = build(*arguments, **options)
        forward = network.forward

        def limited(images):
            calls.append(len(images))
            if len(calls) == 8:
                raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 9.00 GiB.")
            return forward(images)

        network.forward = limited
        return network

    monkeypatch.setattr(setup, "build_network", short_of_memory)
    work = tmp_path / "work"
    often = Compute(device="cpu", checkpoint_seconds=1e-6)
    monkeypatch.setattr("small_jobs.CPU", often)
    with pytest.raises(
        UserError, match=r"is too small \(CUDA out of memory.*9\.00 GiB\.\); lower batch_size"
    ):
        run(tmp_path / "out", dataset, job(epochs=3), work=work)
    assert not list((tmp_path / "out").glob("*.*"))
    assert list(work.rglob("checkpoint.safetensors"))
    monkeypatch.undo()
    assert run(tmp_path / "out", dataset, job(epochs=3), work=work)["train_loss"] == plain


def test_a_device_that_is_not_there_is_reported(dataset, tmp_path):
    import torch

    if torch.backends.mps.is_available():
        pytest.skip("this machine has MPS")
    with pytest.raises(
        UserError, match=r"compute\.device: mps is not available on this machine; available: auto"
    ):
        train.main(job(), dataset, outputs_in(tmp_path), compute=Compute(device="mps"))


def test_a_long_epoch_says_how_far_it_is(monkeypatch, caplog):
    """Half of the first of two epochs in 30 s: 90 s are left."""
    clock = [100.0]
    monkeypatch.setattr(runlog.time, "monotonic", lambda: clock[0])
    caplog.set_level("INFO", "kd")
    log = runlog.TrainingLog("[run]", 2, 60)
    log.on_step(1, 0)
    clock[0] += 19
    log.on_step(1, 20)
    assert not caplog.records
    clock[0] += 11
    log.on_step(1, 30)
    log.on_step(1, 40)
    assert [record.getMessage() for record in caplog.records] == [
        "[run]  epoch 1/2  30 of 60 images  ETA 1:30"
    ]


def test_a_sign_that_a_method_teaches_nothing_is_logged_once(caplog):
    row = {"loss": 2.0, "train_accuracy": 10.0, "lr": 0.1, "images_per_second": 9.0, "loss_ce": 2.0}
    caplog.set_level("WARNING", "kd")
    log = runlog.TrainingLog("[run]", 4, 60)
    log.on_resume([row | {"epoch": 1, "loss_at": 1.0}], 1.0)
    for epoch in (2, 3):
        log.on_epoch(row | {"epoch": epoch, "loss_at": 0.0})
    assert [record.getMessage() for record in caplog.records] == ["[run]  loss term at is 0 in epoch 2"]


def test_the_test_set_cannot_reach_the_training_or_the_choice_of_the_epoch(dataset, tmp_path):
    """With test labels turned round, nothing but the test results may differ."""
    from dataclasses import replace

    from kd.data.dataset import read_dataset

    data = read_dataset(dataset)
    arrays = {name: tensor.numpy() for name, tensor in data.tensors().items()}
    arrays["test_labels"] = 2 - arrays["test_labels"]
    write_dataset(tmp_path / "turned.safetensors", replace(data, **arrays))
    results = {}
    for name, path in (("straight", dataset), ("turned", tmp_path / "turned.safetensors")):
        (tmp_path / name).mkdir()
        results[name] = run(tmp_path / name, path, job(epochs=6))
        results[name]["bytes"] = (tmp_path / name / "model.safetensors").read_bytes()
    for key in ("bytes", "selected_epoch", "selected_validation_accuracy", "train_loss"):
        assert results["straight"][key] == results["turned"][key]
    assert results["straight"]["test_loss"] != results["turned"]["test_loss"]


TRIAL = {"role": "trial", "methods": [("label_smoothing", {"smoothing": 0.1})], "method_name": "tuned"}


def run_trial(folder, dataset, **more):
    outputs = Outputs(folder / "metrics.json", folder / "history.csv")
    train.main(job(**{**TRIAL, **more}), dataset, outputs, compute=CPU)
    return json.loads(outputs.metrics.read_text())


def test_a_trial_is_never_shown_the_test_set(dataset, tmp_path, monkeypatch):
    shown = []
    original = train.load_split
    monkeypatch.setattr(
        train, "load_split", lambda data, part, *rest: shown.append(part) or original(data, part, *rest)
    )
    metrics = run_trial(tmp_path, dataset)
    assert sorted(shown) == ["train", "validation"]
    assert not [key for key in metrics if "test" in key or key in ("ece", "agreement")]
    assert metrics["validation_accuracy"] == pytest.approx(
        float(rows_of(tmp_path)[-1]["validation_accuracy"])
    )
    assert sorted(path.name for path in tmp_path.iterdir()) == ["history.csv", "metrics.json"]


def test_a_trial_that_diverges_is_a_bad_trial_and_no_error(dataset, tmp_path):
    metrics = run_trial(tmp_path, dataset, recipe=Recipe(epochs=2, batch_size=16, lr=1e6, momentum=0.99))
    assert metrics["validation_accuracy"] is metrics["validation_loss"] is None
    assert metrics["diverged"].startswith("the training loss became nan")
    assert (tmp_path / "history.csv").exists()


def test_chosen_values_take_the_place_of_the_jobs_and_are_named(dataset, tmp_path):
    chosen = tmp_path / "chosen.json"
    chosen.write_text('{"smoothing": 0.3, "recipe.lr": 0.01}')
    settings = {"methods": TRIAL["methods"], "role": "distilled", "teacher": "(none)", "method_name": "tuned"}
    (tmp_path / "one").mkdir()
    (tmp_path / "other").mkdir()
    metrics = run(tmp_path / "one", dataset, job(**settings), chosen=chosen)
    assert metrics["chosen"] == {"smoothing": 0.3, "recipe.lr": 0.01}
    assert metrics["loss_function"].endswith("(chosen on validation: smoothing=0.3, recipe.lr=0.01)")
    settings["methods"] = [("label_smoothing", {"smoothing": 0.3})]
    by_hand = job(**settings, recipe=Recipe(epochs=4, batch_size=16, lr=0.01))
    assert "chosen" not in run(tmp_path / "other", dataset, by_hand)
    models = [(tmp_path / name / "model.safetensors").read_bytes() for name in ("one", "other")]
    assert models[0] == models[1]


def test_a_file_of_chosen_values_that_is_cut_short_is_named(dataset, tmp_path):
    (tmp_path / "chosen.json").write_text('{"smoothing": 0')
    with pytest.raises(UserError, match=r"chosen\.json: not whole"):
        run(tmp_path, dataset, job(), chosen=tmp_path / "chosen.json")


def test_with_ema_the_average_is_tested_and_saved_and_the_last_weights_stand_beside(dataset, tmp_path):
    """The same training without it has the last weights."""
    plain, averaged = tmp_path / "plain", tmp_path / "averaged"
    without = run(plain, dataset, job())
    recipe = Recipe(epochs=4, batch_size=16, lr=0.05, ema=0.9)
    metrics = run(averaged, dataset, job(recipe=recipe))
    assert metrics["unaveraged_test_accuracy"] == without["test_accuracy"]
    assert "unaveraged_test_accuracy" not in without
    assert metrics["test_loss"] != without["test_loss"]
    logits, labels = np.load(averaged / "test_logits.npy"), np.arange(30) % 3
    assert metrics["test_accuracy"] == pytest.approx(100 * (logits.argmax(1) == labels).mean())
    network = load_network(averaged / "model.safetensors", torch.device("cpu"))
    part = load_split(read_dataset(dataset), "test", torch.device("cpu"), "never")
    assert np.allclose(evaluate(network, part.images, part.labels).logits, logits, atol=1e-6)
    last = [float(row["unaveraged_validation_accuracy"]) for row in rows_of(averaged)]
    assert last == [float(row["validation_accuracy"]) for row in rows_of(plain)]


def test_the_network_that_a_method_deploys_is_the_one_tested_and_saved(dataset, tmp_path, monkeypatch):
    """That of the last weights, of those without `ema` and of the chosen epoch; training goes on with its own."""

    def deployed(method, student):
        other = copy.deepcopy(student)
        other.classifier.weight.data.zero_()
        other.classifier.bias.data.copy_(torch.tensor([0.0, 0.0, 1.0]))
        return other

    what = job(recipe=Recipe(epochs=4, batch_size=16, lr=0.05, ema=0.5))
    for name in ("plain", "changed"):
        (tmp_path / name).mkdir()
    plain = run(tmp_path / "plain", dataset, what)
    monkeypatch.setattr("kd.methods.cross_entropy.Method.deployed", deployed)
    metrics = run(tmp_path / "changed", dataset, what)
    for key in ("test_accuracy", "selected_test_accuracy", "unaveraged_test_accuracy"):
        assert (metrics[key] == pytest.approx(100 / 3), plain[key] > 90) == (True, True)
    assert metrics["validation_accuracy"] == plain["validation_accuracy"]
    saved = load_network(tmp_path / "changed" / "model.safetensors", torch.device("cpu"))
    assert not saved.classifier.weight.any()
    assert np.array_equal(np.load(tmp_path / "changed" / "test_logits.npy"), [[0, 0, 1]] * 30)
