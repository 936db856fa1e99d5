"""What a change around the data runs again, and what it leaves alone."""

import shutil

import pytest
from bad_images import STUDY, make_images
from checkout import TINY

from kd.config.load import load_study
from kd.plan.data import ANNOUNCED, data_job

SCRIPTS = "workflow/scripts"
REPORT = {"build_report": {""}}
TABLE = {"build_table": {""}, "draw_plots": {""}, **REPORT}
CARD = {"describe_data": {""}, "measure_latency": {""}, **TABLE}  # latency is of an image of its shape


@pytest.mark.parametrize(
    ("file", "old", "new", "again"),
    [
        ("kd/datasets/digits.py", "states none", "is silent", CARD),
        ("kd/data/card.py", '"not stated"', '"unknown"', CARD),
        ("kd/plots/samples.py", "GAP = 4", "GAP = 5", {"draw_samples": {""}, **REPORT}),
    ],
)
def test_what_the_card_and_the_picture_say_trains_nothing(finished, file, old, new, again):
    finished.edit(f"{SCRIPTS}/{file}", old, new)
    assert finished.pending() == again


def test_a_picture_or_card_that_was_deleted_is_made_again_and_nothing_is_trained(finished):
    (finished.folder / "results/tiny/data/samples.png").unlink()
    assert finished.pending() == {"draw_samples": {""}, **REPORT}
    (finished.folder / "results/tiny/data/summary.json").unlink()
    assert finished.pending() == {"draw_samples": {""}, **CARD}


@pytest.mark.full
def test_a_large_data_set_that_is_touched_or_copied_without_its_time_trains_nothing(fresh):
    """Above the megabyte up to which Snakemake compares contents by itself."""
    target = "results/tiny/alone/cnn/0/model.safetensors"
    make_images(fresh.folder / "mine")
    data = {"name": "image_folder", "path": "mine", "image_size": 256, "validation": 0.25}
    fresh.configure(dataset=data, recipe={"epochs": 1, "batch_size": 3, "lr": 0.01})
    fresh.run(target)
    data = fresh.folder / "results/tiny/data/dataset.safetensors"
    assert data.stat().st_size > 1_500_000
    content = data.read_bytes()
    data.unlink()
    data.write_bytes(content)
    assert fresh.pending(target) == {}
    with open(data, "r+b") as file:
        file.write(b"?")
    assert fresh.pending(target) == {"train_baseline": {"cnn 0"}}


@pytest.mark.full
def test_a_study_whose_images_are_gone_is_still_planned_and_reported(fresh):
    """And nothing of it is made again."""
    targets = ["results/tiny/data/samples.png", "results/tiny/latency.json"]
    make_images(fresh.folder / "mine")
    fresh.configure(**STUDY)
    fresh.run(*targets)
    (fresh.folder / "mine").rename(fresh.folder / "unplugged")
    output = fresh.run("-n", *targets)
    assert output.count("dataset.path: no folder 'mine/train'; what was made of it before is used") == 1
    assert "Nothing to be done" in output
    fresh.edit("workflow/scripts/kd/plots/samples.py", "GAP = 4", "GAP = 5")
    fresh.run(*targets)
    (fresh.folder / "unplugged").rename(fresh.folder / "mine")
    assert fresh.pending(*targets) == {}


@pytest.mark.full
def test_after_targets_were_deleted_one_more_method_trains_its_own_students_alone(finished):
    """As docs/reliability.md says: the targets first, which come out the same."""
    shutil.rmtree(finished.folder / "results/tiny/targets")
    assert finished.pending() == {}
    finished.configure(methods={"kd": {"temperature": 4}, "hot": {"method": "kd", "temperature": 9}})
    finished.run("--until", "cache_targets")
    pending = finished.pending()
    names = {f"{teacher} cnn hot {seed}" for teacher in ("vgg16", "mobilenet") for seed in (0, 1)}
    assert pending["distill_student"] == names
    assert not {"cache_targets", "train_teacher", "train_baseline"} & set(pending)


@pytest.mark.full
def test_results_that_snakemake_has_no_record_of_are_named_and_recorded_by_touch(finished):
    """As after a study was renamed, or `.snakemake` was lost."""
    (finished.folder / "results/tiny").rename(finished.folder / "results/other")
    finished.configure(study="other")
    assert "Snakemake has no record of 9 results, which are what the study would make" in finished.run("-n")
    finished.configure(study="other", methods={"kd": {"temperature": 5}})
    output = finished.run("-n")
    assert (
        "other: 4 results were made with another configuration, code or data, and Snakemake has no" in output
    )
    assert "Nothing to be done" in output
    finished.configure(study="other")
    finished.run("--touch", "--forceall")
    assert "no record" not in finished.run("-n")
    finished.configure(study="other", methods={"kd": {"temperature": 5}})
    assert len(finished.pending()["distill_student"]) == 4


def test_the_snakemake_of_a_job_on_another_machine_takes_the_images_as_the_one_above_has_seen_them(
    fresh, monkeypatch
):
    make_images(fresh.folder / "mine")
    fresh.configure(**STUDY)
    monkeypatch.chdir(fresh.folder)
    monkeypatch.setenv(ANNOUNCED, data_job(load_study({**TINY, **STUDY})).to_json())
    (fresh.folder / "mine").rename(fresh.folder / "not_looked_at")
    below = fresh.snakemake("--dry-run", "--mode", "subprocess")
    assert below.returncode == 0, below.stderr
    above = fresh.snakemake("--dry-run")
    assert above.returncode == 1
    assert "dataset.path: no folder 'mine/train'" in above.stdout
