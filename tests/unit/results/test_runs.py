"""What a study left of its runs: which belong together, and how large their weights are."""

from dataclasses import replace
from pathlib import Path

from fake_results import write_results
from fake_runs import fake_run

from kd.results.metrics import Metrics
from kd.results.runs import Run, read_cells


def test_runs_that_differ_in_the_seed_alone_are_one_cell(tmp_path):
    runs = [fake_run(), *(fake_run(role, "cnn", seed) for role in ("alone", "distilled") for seed in (0, 1))]
    files = write_results(tmp_path / "study", runs)
    cells = read_cells(files["metrics"], files["diagnoses"])
    assert [cell.key for cell in cells] == [
        ("teacher", "resnet18", "", ""),
        ("student alone", "cnn", "", ""),
        ("distilled student", "cnn", "resnet18", "kd"),
    ]
    assert [[run.metrics.seed for run in cell.runs] for cell in cells] == [[0], [0, 1], [0, 1]]
    assert all(run.diagnosis["seed"] == run.metrics.seed for cell in cells for run in cell.runs)


def test_the_size_is_that_of_the_file_of_weights_where_there_is_one(tmp_path):
    files = write_results(tmp_path / "study", [fake_run()])
    (cell,) = read_cells(files["metrics"])
    (run,) = cell.runs
    (run.folder / "model.safetensors").write_bytes(b"x" * 77)
    assert run.size == 77
    (run.folder / "model.safetensors").unlink()
    assert run.size is None


def test_what_was_computed_of_the_logits_has_the_names_of_the_tables_columns():
    diagnosis = {"top5_accuracy": None, "balanced_accuracy": 90.0, "macro_f1": 89.0, "nll": 0.5, "ece": 3.0}
    diagnosis["calibrated"] = {"temperature": 1.5, "nll": 0.4, "ece": 1.0, "threshold": 0.75}
    diagnosis["calibrated"]["test"] = {"coverage": 60.0, "accuracy": 98.5}
    run = Run(Path("x"), Metrics(**fake_run()), diagnosis)
    assert run.diagnosed == {
        "top5_accuracy": None,
        "balanced_accuracy": 90.0,
        "macro_f1": 89.0,
        "nll": 0.5,
        "temperature": 1.5,
        "scaled_nll": 0.4,
        "scaled_ece": 1.0,
        "rejection_threshold": 0.75,
        "coverage": 60.0,
        "accepted_accuracy": 98.5,
    }
    assert replace(run, diagnosis=diagnosis | {"calibrated": None}).diagnosed["scaled_ece"] is None
    assert set(replace(run, diagnosis=None).diagnosed.values()) == {None}
