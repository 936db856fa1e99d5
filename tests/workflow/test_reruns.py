"""After a change exactly what depends on it runs again: read from Snakemake's own plan."""

import json
import os
import shutil
import subprocess

import numpy as np
import pandas as pd
import pytest
from checkout import TINY, copied, diagnosed
from diagnoses import checked_diagnoses
from reruns import ALL_DISTILLED, BOTH, DIAGNOSES, DIAGNOSES_OF_LOGITS, LATENCY, PAGE, PAGES, REPORT, SCRIPTS

ENSEMBLE = {"ensemble": ["vgg16", "mobilenet"]}
GROWN = {
    "teachers": {**TINY["teachers"], "both": ENSEMBLE},
    "methods": {"kd": {"temperature": 4}, "plain": {"method": "cross_entropy"}},
    "seeds": [0, 1, 2],
    "diagnostics": {"cka": True},
}


@pytest.fixture(scope="module")
def grown(shared, finished_study):
    """The finished study, run again with more of everything; tests that change anything take a copy."""

    def run(checkout):
        for folder in ("results", ".snakemake"):
            subprocess.run(["cp", "-a", finished_study.folder / folder, checkout.folder], check=True)
        checkout.configure(**GROWN)
        checkout.run()

    return shared("grown", run)


def test_nothing_changed_nothing_to_do(finished):
    assert finished.pending() == {}


def test_a_temperature_reruns_the_distilled_students_alone(finished):
    finished.configure(methods={"kd": {"temperature": 5}})
    assert finished.pending() == {"distill_student": ALL_DISTILLED, **DIAGNOSES, **REPORT}


def test_what_pages_show_of_stored_logits_runs_no_network(finished):
    for settings in ({"temperatures": [2]}, {"worst": 3}):
        finished.configure(diagnostics=settings)
        assert finished.pending() == DIAGNOSES_OF_LOGITS | REPORT


@pytest.mark.full
def test_stages_are_compared_of_the_networks_that_have_a_teacher_and_of_no_other(finished, grown):
    """Nothing is asked of the training images again."""
    finished.configure(diagnostics={"cka": True})
    again = {"compare_feature_maps": set(BOTH.split(", "))} | diagnosed(students=BOTH, networks=False)
    assert finished.pending() == again | REPORT
    diagnosis = json.loads((grown.folder / "results/tiny/distilled/vgg16/cnn/kd/diagnosis.json").read_text())
    for run in diagnosis["runs"]:
        alike = np.array(run["cka"]["values"])
        assert alike.shape == (run["cka"]["teacher_stages"], run["cka"]["student_stages"]) == (5, 4)
        assert ((alike > 0) & (alike <= 1 + 1e-6)).all()


def test_one_teachers_lr_reruns_it_its_targets_and_its_students(finished):
    finished.configure(teachers={"vgg16": {"width": 0.125, "lr": 0.03}, "mobilenet": {"width": 0.125}})
    assert finished.pending() == {
        "train_teacher": {"vgg16"},
        "cache_targets": {"vgg16 0 2", "vgg16 1 2"},
        "distill_student": {"vgg16 cnn kd 0", "vgg16 cnn kd 1"},
        **diagnosed(teachers="vgg16", students="vgg16 cnn kd"),
        **REPORT,
    }


def test_two_values_swapped_inside_one_recipe_are_noticed(finished):
    finished.configure(recipe={"epochs": 2, "batch_size": 64, "lr": 0.9, "momentum": 0.05})
    assert finished.pending()["train_teacher"] == {"vgg16", "mobilenet"}


def test_an_added_teacher_brings_only_its_own_jobs(finished):
    finished.configure(
        teachers={"vgg16": {"width": 0.125}, "mobilenet": {"width": 0.125}, "more": {"architecture": "cnn"}}
    )
    assert finished.pending() == {
        "train_teacher": {"more"},
        "cache_targets": {"more 0 2", "more 1 2"},
        "distill_student": {"more cnn kd 0", "more cnn kd 1"},
        **diagnosed(teachers="more", students="more cnn kd"),
        **LATENCY,
        **REPORT,
    }


def test_an_added_student_brings_only_its_own_jobs(finished):
    finished.configure(students={"cnn": {"width": 0.125}, "thin": {"architecture": "cnn", "channels": [4]}})
    assert finished.pending() == {
        "train_baseline": {"thin 0", "thin 1"},
        "distill_student": {
            f"{teacher} thin kd {seed}" for teacher in ("vgg16", "mobilenet") for seed in (0, 1)
        },
        **diagnosed(alone="thin", students="vgg16 thin kd, mobilenet thin kd"),
        **LATENCY,
        **REPORT,
    }


def test_an_added_method_brings_only_its_own_jobs(finished):
    finished.configure(methods={"kd": {"temperature": 4}, "hot": {"method": "kd", "temperature": 20}})
    assert finished.pending() == {
        "distill_student": {job.replace("kd", "hot") for job in ALL_DISTILLED},
        **diagnosed(students="vgg16 cnn hot, mobilenet cnn hot"),
        **REPORT,
    }


def test_a_method_without_a_teacher_runs_once_for_each_student(finished, grown):
    """Plain training under the name of a method: what it gains is exactly nothing."""
    finished.configure(methods={"kd": {"temperature": 4}, "plain": {"method": "cross_entropy"}})
    added = {"distill_student": {"_none cnn plain 0", "_none cnn plain 1"}}
    assert finished.pending() == {**added, **diagnosed(students="_none cnn plain"), **REPORT}
    table = pd.read_csv(grown.folder / "results/tiny/table.csv")
    row = table[table["teacher"] == "(none)"].iloc[0]
    assert (row["method"], row["seeds"], row["gain"], row["gain_ci95"]) == ("plain", 3, 0, 0)
    alone = grown.folder / "results/tiny/alone/cnn/0/model.safetensors"
    plain = grown.folder / "results/tiny/distilled/_none/cnn/plain/0/model.safetensors"
    assert plain.read_bytes() == alone.read_bytes()
    for run in checked_diagnoses(grown.folder / "results/tiny")["distilled/_none/cnn/plain"]["runs"]:
        assert (run["fidelity"], run["class_gain"]) == (None, [0] * 10)


@pytest.mark.full
def test_a_chain_is_made_of_ordinary_jobs_and_shares_what_is_there(finished):
    """Of an assistant and two generations: the student of both waits for all that are taught before."""
    finished.configure(
        pairs=[["vgg16", "cnn"]],
        students={"cnn": {"width": 0.125}, "middle": {"architecture": "cnn", "channels": [8, 8]}},
        methods={"kd": {"temperature": 4}, "chain": {"method": "kd", "via": ["middle"], "generations": 2}},
        seeds=[0],
    )
    assert finished.pending() == {
        "train_baseline": {"middle 0"},
        "distill_intermediate": {"vgg16 chain middle 0", "vgg16 chain middle+cnn 0"},
        "distill_student": {"vgg16 cnn chain 0"},
        # And those of before, of which there is one seed less.
        **diagnosed(alone="cnn, middle", students="vgg16 cnn kd, vgg16 cnn chain"),
        **LATENCY,
        **REPORT,
    }
    finished.run()
    results = finished.folder / "results/tiny"
    models = [
        results / "chains/vgg16/chain/middle/0/model.safetensors",
        results / "chains/vgg16/chain/middle+cnn/0/model.safetensors",
        results / "distilled/vgg16/cnn/chain/0/model.safetensors",
        results / "distilled/vgg16/cnn/kd/0/model.safetensors",
    ]
    assert len({path.read_bytes() for path in models}) == 4
    assert finished.pending() == {}
    finished.edit(f"{SCRIPTS}/kd/models/vgg.py", "ceil_mode=True", "ceil_mode=bool(1)")
    assert finished.pending()["distill_intermediate"] == {"vgg16 chain middle 0", "vgg16 chain middle+cnn 0"}


@pytest.mark.full
def test_an_ensemble_reuses_its_members_and_its_weights_rerun_its_students_alone(finished, grown, tmp_path):
    finished.configure(teachers={**TINY["teachers"], "both": ENSEMBLE})
    added = {"build_ensemble": {"both"}, "distill_student": {"both cnn kd 0", "both cnn kd 1"}}
    added |= diagnosed(teachers="both", students="both cnn kd")
    assert finished.pending() == {**added, **REPORT}
    table = pd.read_csv(grown.folder / "results/tiny/table.csv")
    row = table[(table["role"] == "teacher") & (table["name"] == "both")].iloc[0]
    assert row["loss_function"] == "mean of vgg16, mobilenet"
    weighted = copied(grown, tmp_path / "weighted")
    weighted.configure(**GROWN | {"teachers": {**TINY["teachers"], "both": {**ENSEMBLE, "weights": [3, 1]}}})
    added["distill_student"].add("both cnn kd 2")
    assert weighted.pending() == {**added, **REPORT}


def test_an_added_seed_extends_the_targets_and_leaves_finished_students_alone(
    finished, finished_study, grown
):
    """Run for real: the table of targets grows under students that have used it."""
    finished.configure(seeds=[0, 1, 2])
    assert finished.pending() == {
        "cache_targets": {"vgg16 2 2", "mobilenet 2 2"},
        "train_baseline": {"cnn 2"},
        "distill_student": {"vgg16 cnn kd 2", "mobilenet cnn kd 2"},
        **diagnosed(alone="cnn", students="vgg16 cnn kd, mobilenet cnn kd"),
        **REPORT,
    }
    before = list((finished_study.folder / "results/tiny").rglob("[01]/model.safetensors"))
    assert len(before) == 6
    for path in before:
        after = grown.folder / path.relative_to(finished_study.folder)
        assert after.stat().st_mtime_ns == path.stat().st_mtime_ns


def test_a_study_that_has_grown_in_all_these_ways_has_nothing_to_do(grown):
    assert grown.pending() == {}


def test_another_order_of_teachers_reruns_the_report_alone(finished):
    finished.configure(pairs=[["vgg16", "cnn"], ["mobilenet", "cnn"]])
    assert finished.pending() == REPORT


def test_published_accuracies_rerun_the_report_alone(finished):
    table = {"source": "A {paper}", "baselines": {"cnn": 12}, "methods": {"kd": {"vgg16": {"cnn": 12.5}}}}
    finished.configure(published=table)
    assert finished.pending() == REPORT
    finished.run("results/tiny/table.csv")
    table["baselines"]["cnn"] = 13
    finished.configure(published=table)
    assert finished.pending() == REPORT
    rows = pd.read_csv(finished.folder / "results/tiny/table.csv").set_index(["role", "teacher"])
    assert list(rows.columns[-2:]) == ["published_within", "published_source"]
    student = rows.loc["distilled student", "vgg16"]
    assert student["published_difference"] == pytest.approx(student["test_accuracy"] - 12.5)
    assert rows.loc[("student alone", np.nan), "published"] == 12


def test_options_of_a_pair_rerun_the_students_of_that_pair(finished):
    finished.configure(methods={"kd": {"temperature": 4, "by_pair": {"vgg16": {"cnn": {"temperature": 5}}}}})
    students = {"distill_student": {"vgg16 cnn kd 0", "vgg16 cnn kd 1"}}
    assert finished.pending() == {**students, **diagnosed(students="vgg16 cnn kd"), **REPORT}


def test_a_teacher_without_a_student_stays_in_the_table(finished):
    finished.configure(pairs=[["vgg16", "cnn"]])
    assert finished.pending() == PAGES | REPORT
    finished.run("results/tiny/table.csv")
    table = (finished.folder / "results" / "tiny" / "table.csv").read_text()
    assert "teacher,mobilenet," in table


def test_a_removed_teacher_reruns_no_training(finished):
    finished.configure(teachers={"vgg16": {"width": 0.125}})
    assert finished.pending() == {**LATENCY, **PAGES, **REPORT}


def test_where_jobs_compute_is_no_reason_to_rerun_what_has_computed(finished):
    """The config is kept again, and shown in the report."""
    finished.configure(compute={"device": "cpu", "threads": 2})
    assert finished.pending() == PAGE


@pytest.mark.full
def test_a_study_is_repeated_by_the_config_that_it_has_kept(finished):
    """Also where it is written again, which must not remove what every job of the run reads."""
    kept = "results/tiny/config.yaml"
    assert "Nothing to be done" in finished.snakemake("--dry-run", config=kept).stdout
    done = finished.snakemake("--forcerun", "keep_config", "--until", "keep_config", config=kept)
    assert done.returncode == 0, done.stderr
    assert finished.pending() == {}


def test_a_comment_in_the_config_is_kept_and_reruns_no_more_than_the_page(finished):
    with (finished.folder / "study.yaml").open("a") as file:
        file.write("# A comment with {braces}.\n")
    assert finished.pending() == PAGE


IDLE_EDITS = [
    (f"{SCRIPTS}/kd/training/engine.py", "import math", "# A comment.\nimport math"),
    (f"{SCRIPTS}/kd/training/engine.py", '"""Trains a network', '"""Most patiently trains a network'),
    (f"{SCRIPTS}/train.py", '"""Train one network', '"""Do train one network'),
    (f"{SCRIPTS}/kd/monitor/tensorboard.py", "views of the first epoch", "what it is shown first"),
    (f"{SCRIPTS}/kd/monitor/log.py", "resumes from", "continues at"),
    ("config/config.yaml", "seeds: [0, 1, 2, 3]", "seeds: [5, 6]"),  # not this study's config
    (
        f"{SCRIPTS}/kd/config/study/study.py",
        "@dataclass",
        "UNUSED = 1\n\n\n@dataclass",
    ),  # no job checks a config
]


def test_edits_that_change_no_job_rerun_nothing(finished):
    for file, old, new in IDLE_EDITS:
        text = (finished.folder / file).read_text()
        assert old in text
        (finished.folder / file).write_text(text.replace(old, new, 1))
    assert finished.pending() == {}


def test_a_touched_file_reruns_nothing(finished):
    for path in (finished.folder / "workflow" / "scripts").rglob("*.py"):
        os.utime(path)
    os.utime(finished.folder / "study.yaml")
    assert finished.pending() == {}


def test_a_fresh_clone_over_kept_results_reruns_nothing(finished, fresh):
    shutil.rmtree(fresh.folder / ".snakemake")
    for kept in ("results", ".snakemake"):
        shutil.copytree(finished.folder / kept, fresh.folder / kept, symlinks=True)
    assert fresh.pending() == {}


def test_the_data_reruns_everything(finished):
    finished.configure(dataset={"name": "digits", "test_fraction": 0.8, "split_seed": 1})
    assert set(finished.pending()) == {
        "prepare_data",
        "describe_data",
        "draw_samples",
        "train_teacher",
        "cache_targets",
        "train_baseline",
        "distill_student",
        *diagnosed("all", "of", "them"),
        *LATENCY,
        *REPORT,
    }
