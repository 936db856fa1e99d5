"""Whole studies, run as a user runs them."""

import json
import re
import subprocess
import sys
from pathlib import Path

import archives
import numpy as np
import pandas as pd
import pytest
import yaml
from diagnoses import checked_diagnoses
from download_server import serving
from PIL import Image

ROOT = Path(__file__).parents[2]
COLUMNS = [
    "role",
    "teacher",
    "architecture",
    "method",
    "seeds",
    "epochs",
    "loss_function",
    "train_loss",
    "train_accuracy",
    "test_loss",
    "test_accuracy",
    "test_accuracy_std",
    "gain",
    "gain_ci95",
    "agreement",
    "ece",
    "parameters",
    "macs",
    "seconds",
]


def results(checkout, study="tiny"):
    return checkout.folder / "results" / study


def metrics(checkout, run, study="tiny"):
    return json.loads((results(checkout, study) / run / "metrics.json").read_text())


def test_the_table_has_every_row_and_column(finished_study):
    table = pd.read_csv(results(finished_study) / "table.csv")
    assert set(COLUMNS) <= set(table.columns)
    assert table["role"].value_counts().to_dict() == {
        "teacher": 2,
        "student alone": 1,
        "distilled student": 2,
        "mean over pairs": 1,
    }
    filled = table[table["role"] != "mean over pairs"]
    always = [
        "train_loss",
        "train_accuracy",
        "test_loss",
        "test_accuracy",
        "ece",
        "parameters",
        "macs",
        "seconds",
    ]
    assert filled[always].notna().all(axis=None)
    distilled = table[table["role"] == "distilled student"]
    assert (
        distilled[["test_accuracy_std", "gain", "gain_ci95", "agreement", "teacher", "method"]]
        .notna()
        .all(axis=None)
    )


def test_the_table_says_what_the_runs_say(finished_study):
    table = pd.read_csv(results(finished_study) / "table.csv")
    row = table[(table["role"] == "distilled student") & (table["teacher"] == "vgg16")].iloc[0]
    runs = [metrics(finished_study, f"distilled/vgg16/cnn/kd/{seed}") for seed in (0, 1)]
    alone = [metrics(finished_study, f"alone/cnn/{seed}") for seed in (0, 1)]
    accuracies = [run["test_accuracy"] for run in runs]
    gains = [run["test_accuracy"] - base["test_accuracy"] for run, base in zip(runs, alone, strict=True)]
    assert row["test_accuracy"] == pytest.approx(sum(accuracies) / 2)
    assert row["gain"] == pytest.approx(sum(gains) / 2)
    # Two values: s/√2 = |a − b|/2, and t(0.975, 1) = 12.706
    assert row["gain_ci95"] == pytest.approx(12.7062 * abs(gains[0] - gains[1]) / 2, rel=1e-4)


def test_a_script_without_our_code_computes_the_table_of_the_logits(finished):
    """docs/results/recompute.py; a table that another has changed is one that differs."""
    command = [sys.executable, str(ROOT / "docs/results/recompute.py"), str(results(finished))]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert (len(lines), lines[-1]) == (6, "0 rows differ")  # 2 teachers, 1 baseline, 2 students
    assert [line for line in lines if "gain " in line and "gain_ci95" in line] == lines[3:5]
    file = results(finished) / "table.csv"
    table = pd.read_csv(file)
    table.loc[table["role"] == "distilled student", "gain"] += 0.01
    table.to_csv(file, index=False)
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stdout.count("DIFFERS: gain")) == (1, 2)


def test_the_markdown_carries_the_classic_table_with_every_cell_filled(finished_study):
    text = (results(finished_study) / "table.md").read_text()
    lines = [line for line in text.splitlines() if line.startswith("|")]
    start = next(i for i, line in enumerate(lines) if re.search(r"^\| +\| +mobilenet +\| +vgg16 +\|$", line))
    classic = lines[start : start + 9]
    for name in (
        "epochs",
        "loss function",
        "train loss",
        "train accuracy",
        "test loss",
        "test accuracy",
        "time",
    ):
        assert any(name in line.lower() for line in classic), name
    cells = [cell.strip() for line in classic[2:] for cell in line.strip("|").split("|")]
    assert all(cell not in ("", "–", "nan") for cell in cells)


def test_every_run_leaves_all_its_files(finished_study):
    diagnosis_files = {"diagnosis.json", "diagnosis.html", "train_logits.npy"}
    for run in ("teachers/vgg16", "alone/cnn/1", "distilled/mobilenet/cnn/kd/0"):
        folder = results(finished_study) / run
        names = {path.name for path in folder.iterdir()} - diagnosis_files
        arrays = {"validation_logits.npy", "test_logits.npy"}
        assert names == {"model.safetensors", "metrics.json", "history.csv", "tensorboard"} | arrays
        assert any((folder / "tensorboard").iterdir())
        assert len(pd.read_csv(folder / "history.csv")) == 2


def test_every_network_is_diagnosed(finished_study):
    diagnoses = checked_diagnoses(results(finished_study))
    students = {f"distilled/{teacher}/cnn/kd" for teacher in ("vgg16", "mobilenet")}
    assert set(diagnoses) == {"teachers/vgg16", "teachers/mobilenet", "alone/cnn", *students}
    for cell, diagnosis in diagnoses.items():
        for run in diagnosis["runs"]:
            compared = cell in students
            assert bool(run["class_gain"]) == bool(run["fidelity"]) == compared
            assert not compared or 0 <= run["fidelity"]["train"]["agreement"] <= 100
            assert (len(run["worst"]), len(run["soft_targets"]), run["cka"]) == (16, 6, None)
            shown = run["soft_targets"][0]["temperatures"]
            assert [at["temperature"] for at in shown] == [1, 4, 16]
            assert [at["teacher"] is not None for at in shown] == [compared] * 3
    alone, taught = (
        diagnoses[cell]["runs"][1]["class_accuracy"] for cell in ("alone/cnn", "distilled/vgg16/cnn/kd")
    )
    gains = [after - before for after, before in zip(taught, alone, strict=True)]
    assert diagnoses["distilled/vgg16/cnn/kd"]["runs"][1]["class_gain"] == pytest.approx(gains)


def test_logs_tell_every_epoch_and_the_time_left(finished_study):
    log = (results(finished_study) / "logs" / "train_teacher" / "vgg16.log").read_text()
    assert re.search(
        r"epoch 1/2  loss [\d.]+ \(ce [\d.]+\)  train_acc [\d.]+ %  val_acc [\d.]+ %  val_loss [\d.]+  lr .* images/s  ETA 0:\d\d",
        log,
    )
    assert "epoch 2/2" in log


def test_a_run_prints_a_line_for_each_job_and_ends_with_the_result(finished_study):
    """Off a terminal; and the result alone, where nothing is to be done."""
    lines = (finished_study.folder / "output.txt").read_text().splitlines()
    jobs = [line for line in lines if line.startswith("[")]
    of = len(jobs)
    assert [line.split("/")[0].strip("[ ") for line in jobs] == [str(number) for number in range(1, of + 1)]
    accuracy = metrics(finished_study, "teachers/vgg16")["test_accuracy"]
    (teacher,) = [line for line in jobs if re.search(r"train_teacher +vgg16 ", line)]
    assert re.search(rf" {accuracy:.2f} % +\d+:\d\d$", teacher)
    assert len("\n".join(lines)) < 110 * (of + 10)
    ending = lines[-5:]
    assert re.match(rf'Study "tiny" is complete: {of} jobs in \d+:\d\d\.', ending[0])
    assert [line.split()[0] for line in ending[1:]] == ["Mean", "Most", "Report", "Export"]
    assert "results/tiny/report.html" in ending[3]
    again = finished_study.run().splitlines()
    assert "Nothing to be done" in again[-6]
    assert again[-5:] == ['Study "tiny" is complete.', *ending[1:]]


def test_plots_are_pictures(finished_study):
    for figure in ("learning_curves", "accuracy_parameters", "gain", "heat_map"):
        with Image.open(results(finished_study) / "plots" / f"{figure}.png") as picture:
            assert min(picture.size) > 200
            assert len(picture.convert("L").getcolors(256) or []) > 10  # not blank
        assert "<svg" in (results(finished_study) / "plots" / f"{figure}.svg").read_text()


def test_snakemakes_report_shows_the_figures_with_their_captions(finished, tmp_path):
    finished.run("--report", str(tmp_path / "report.html"))
    page = (tmp_path / "report.html").read_text()
    for word in ("heat_map.svg", "gain.svg", "learning_curves.svg", "accuracy_parameters.svg", "report.html"):
        assert word in page
    assert "interval" in page


def test_live_targets_give_the_same_students(finished):
    """Within float16 rounding of the logits, two epochs apart."""
    cached = np.load(results(finished) / "distilled/vgg16/cnn/kd/0/test_logits.npy")
    finished.configure(targets="live", seeds=[0])
    assert "cache_targets" not in finished.pending("--forceall")
    finished.run("--force", "results/tiny/distilled/vgg16/cnn/kd/0/test_logits.npy")
    live = np.load(results(finished) / "distilled/vgg16/cnn/kd/0/test_logits.npy")
    assert not np.array_equal(cached, live)
    assert np.abs(cached - live).max() < 0.05


def make_images(folder, train=12, test=4, classes=("cat", "dog")):
    random = np.random.default_rng(0)
    for split, count in (("train", train), ("test", test)):
        for label, name in enumerate(classes):
            (folder / split / name).mkdir(parents=True)
            for k in range(count):
                pixels = random.integers(0, 120, (10, 14, 3)) + 100 * label
                Image.fromarray(pixels.astype(np.uint8)).save(folder / split / name / f"{k}.png")


FOLDER_STUDY = {
    "dataset": {"name": "image_folder", "path": "mine", "image_size": 8, "validation": 0.25},
    "teachers": {"big": {"architecture": "cnn", "width": 0.25}},
    "recipe": {"epochs": 1, "batch_size": 8, "lr": 0.05},
    "seeds": [0],
}


@pytest.mark.full
def test_a_folder_of_the_users_own_images(fresh):
    make_images(fresh.folder / "mine")
    fresh.configure(**FOLDER_STUDY)
    fresh.run()
    summary = json.loads((results(fresh) / "data" / "summary.json").read_text())
    assert summary["images"] == {"train": 18, "validation": 6, "test": 8}
    assert summary["classes"] == ["cat", "dog"]
    assert (results(fresh) / "table.md").exists()
    assert fresh.pending() == {}
    (fresh.folder / "mine").rename(fresh.folder / "moved")
    moved = FOLDER_STUDY["dataset"] | {"path": "./moved"}
    fresh.configure(**FOLDER_STUDY | {"dataset": moved})
    assert set(fresh.pending()) == {"build_report"}  # which shows the config
    (fresh.folder / "moved" / "train" / "cat" / "0.png").unlink()
    assert "prepare_data" in fresh.pending()


def test_the_first_look_at_many_images_is_reported_beside_the_answer(fresh):
    make_images(fresh.folder / "mine")
    fresh.configure(**FOLDER_STUDY)
    few = fresh.snakemake("--dag")
    fresh.edit("workflow/scripts/kd/datasets/folders/listing.py", "QUIET = 2.0", "QUIET = -1.0")
    many = fresh.snakemake("--dag")
    assert "mine: 32 of 32 images read" in many.stderr
    assert "images read" not in few.stderr + few.stdout + many.stdout
    assert few.stdout.startswith("digraph")
    assert many.stdout.startswith("digraph")


def test_cifar10_is_downloaded_from_the_mirror_that_the_config_names(fresh):
    """The real code on an archive of the real format, with the checksum of that archive."""
    with serving(fresh, "cifar10", archives.cifar10(per_file=40).files()) as (mirror, requests):
        fresh.configure(**FOLDER_STUDY | {"dataset": {"name": "cifar10", "mirror": mirror}})
        fresh.run("--until", "describe_data")
        other = mirror.replace("127.0.0.1", "localhost")
        fresh.configure(**FOLDER_STUDY | {"dataset": {"name": "cifar10", "mirror": other}})
        assert fresh.pending("--until", "describe_data") == {}
    summary = json.loads((results(fresh) / "data" / "summary.json").read_text())
    assert summary["images"] == {"train": 180, "validation": 20, "test": 40}
    assert summary["image_shape"] == [32, 32, 3]
    assert requests == ["/cifar-10-binary.tar.gz"]


@pytest.mark.full
@pytest.mark.parametrize(("name", "made"), [("mnist", archives.mnist(80)), ("svhn", archives.svhn(80))])
def test_what_is_downloaded_reaches_the_table(fresh, name, made):
    files = made.files()
    with serving(fresh, name, files) as (mirror, requests):
        data = {"name": name, "mirror": mirror, "validation": 0.25}
        fresh.configure(**FOLDER_STUDY | {"dataset": data})
        fresh.run()
        assert fresh.pending() == {}
    assert sorted(requests) == sorted(f"/{file}" for file in files)
    summary = json.loads((results(fresh) / "data" / "summary.json").read_text())
    assert summary["images"] == {"train": 60, "validation": 20, "test": 2}
    assert (summary["classes"], summary["flip"]) == (list("0123456789"), False)
    assert "away from the published" in (results(fresh) / "logs" / "describe_data.log").read_text()
    page = (results(fresh) / "report.html").read_text()
    assert f"<li>data set: {name}</li>" in page
    with Image.open(results(fresh) / "data" / "samples.png") as picture:
        assert min(picture.size) > 200
    table = pd.read_csv(results(fresh) / "table.csv")
    assert table["test_accuracy"].notna().all()


def test_no_key_of_the_default_study_leaks_into_another(fresh):
    """The default study has six teachers and three seeds; Snakemake alone would merge them in."""
    fresh.configure(**FOLDER_STUDY | {"dataset": {"name": "digits"}})
    assert fresh.pending()["train_teacher"] == {"big"}
    assert fresh.pending()["train_baseline"] == {"cnn 0"}


def test_without_a_config_the_default_study_runs_and_a_single_key_can_be_overridden(fresh):
    default = yaml.safe_load((ROOT / "config" / "config.yaml").read_text())
    text = fresh.snakemake("--dry-run", "--config", "seeds=[7]", config=None).stdout
    assert text.count("rule train_teacher:") == len(default["teachers"]) == 6
    assert set(re.findall(r"seed=(\d+)", text)) == {"7"}


def test_override_of_a_named_config(fresh):
    assert fresh.pending("--config", "seeds=[7]")["train_baseline"] == {"cnn 7"}


def test_the_catalogs_snakefile_is_the_same_workflow(fresh):
    text = fresh.run("--dry-run", "--snakefile", "workflow/Snakefile")
    assert text.count("rule distill_student:") == 4


def test_a_bad_config_says_all_and_writes_nothing(fresh):
    fresh.configure(seeds=[], recipe={"epochs": 0}, students={"../../x": {"architecture": "cnn"}})
    done = fresh.snakemake()
    assert done.returncode != 0
    output = done.stdout + done.stderr
    for line in (
        "seeds: needs at least one entry",
        "recipe.epochs: should be",
        "students.../../x: a name holds",
    ):
        assert line in output
    assert "Traceback" not in output
    assert not (fresh.folder / "results").exists()


def test_a_missing_image_folder_is_reported_before_anything_runs(fresh):
    fresh.configure(**FOLDER_STUDY)
    done = fresh.snakemake()
    assert done.returncode != 0
    assert "dataset.path: " in done.stdout + done.stderr
    assert "mine" in done.stdout + done.stderr
    assert not (fresh.folder / "results").exists()


@pytest.mark.full
def test_an_architecture_and_a_method_as_contributing_shows_them(fresh):
    """One new file and one line of config each."""
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "CONTRIBUTING.md").read_text(), re.DOTALL)
    kd = fresh.folder / "workflow" / "scripts" / "kd"
    (kd / "models" / "tiny.py").write_text(blocks[0])
    (kd / "methods" / "mse.py").write_text(blocks[1])
    fresh.configure(
        teachers={"cnn": {"width": 0.25}},
        students={"tiny": {"channels": 8}},
        methods={"mse": {"weight": 0.5}},
        seeds=[0],
    )
    fresh.run()
    student_metrics = metrics(fresh, "distilled/cnn/tiny/mse/0")
    assert student_metrics["loss_function"] == "CE + 0.5·MSE"
    assert student_metrics["architecture"] == "tiny"


@pytest.mark.parametrize("command", [["--lint"], ["--summary"]])
def test_snakemakes_own_checks(finished_study, command):
    finished_study.run(*command)


@pytest.mark.full
def test_the_code_is_formatted_and_clean():
    for command in (
        ["ruff", "check"],
        ["ruff", "format", "--check"],
        ["snakefmt", "--check", "Snakefile", "rules"],
    ):
        tool = Path(sys.executable).parent / command[0]
        done = subprocess.run([tool, *command[1:]], cwd=ROOT, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
