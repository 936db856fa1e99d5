"""Which files the jobs of a study need, and of which files the study is made."""

from types import SimpleNamespace

import numpy as np
import pytest
from small_config import config

from kd.config.load import load_study
from kd.errors import UserError
from kd.jobs.teachers import LogitsTargetsJob
from kd.plan.files import Plan
from kd.plan.training import rung_job, rungs_of, trials
from kd.plan.workflow import script_config, wildcards
from kd.sweep.trials import trial_name

TEACHERS = {
    "resnet18": {"width": 0.25},
    "vgg16": {"width": 0.25},
    "both": {"ensemble": ["resnet18", "vgg16"]},
    "stored": {"logits": "logits.npz"},
}
METHODS = {
    "kd": {},
    "at": {},
    "label_smoothing": {},
    "assisted": {"kd": {}, "via": ["middle"], "generations": 2},
}
STUDENTS = {"cnn": {"width": 0.125, "epochs": 7}, "middle": {"architecture": "cnn", "width": 0.25}}
T, S = "results/test/teachers", "results/test/distilled"


@pytest.fixture
def plan(tmp_path, monkeypatch):
    """Of a study with every kind of teacher but weights of the user's; of the logits there are none of the test set."""
    monkeypatch.chdir(tmp_path)
    np.savez("logits.npz", train_ids=np.arange(4), train_logits=np.zeros((4, 10), np.float32))

    def of(**changes):
        entries = {
            "study": "test",
            "teachers": TEACHERS,
            "methods": METHODS,
            "students": STUDENTS,
            "seeds": [0, 4],
        }
        return Plan.of(load_study(config(**{**entries, **changes})))

    return of


def test_a_student_reads_cached_logits_of_its_own_seed_and_length(plan):
    assert plan().student_inputs("vgg16", "cnn", "kd", 4) == {
        "dataset": "results/test/data/dataset.safetensors",
        "teacher_logits": f"{T}/vgg16/test_logits.npy",
        "teacher_model": f"{T}/vgg16/model.safetensors",
        "targets": ["results/test/targets/vgg16/4/7.json"],
    }


def test_a_student_reads_the_logits_of_every_network_of_an_ensemble(plan):
    targets = plan().student_inputs("both", "cnn", "kd", 0)["targets"]
    assert targets == [f"results/test/targets/{name}/0/7.json" for name in ("resnet18", "vgg16")]
    assert plan().ensemble_members("both") == [
        f"{T}/{name}/model.safetensors" for name in ("resnet18", "vgg16")
    ]


def test_what_needs_feature_maps_or_live_targets_runs_the_teacher(plan):
    live = {"dataset", "teacher_logits", "teacher_model"}
    assert plan().student_inputs("vgg16", "cnn", "at", 0).keys() == live
    networks = {name: TEACHERS[name] for name in ("resnet18", "vgg16")}
    assert plan(teachers=networks, targets="live").student_inputs("vgg16", "cnn", "kd", 0).keys() == live


def test_of_stored_logits_there_is_no_network(plan):
    inputs = plan().student_inputs("stored", "cnn", "kd", 0)
    assert inputs.keys() == {"dataset", "targets"}  # nor logits of the test images, in this file
    job = plan().logits_targets_job("stored", 4, 7)
    assert job == LogitsTargetsJob(sha256=plan().logits["stored"].sha256, seed=4, epochs=7)


def test_the_data_set_can_be_made_before_there_are_logits_of_it(plan, tmp_path):
    weights = {"architecture": "cnn", "external": "weights.safetensors"}
    early = plan(teachers={**TEACHERS, "mine": weights})
    (tmp_path / "logits.npz").unlink()
    for target in ("results/test/data/dataset.safetensors", "results/test/data/summary.json", "prepare_data"):
        early.read_user_files(["snakemake", "--cores", "1", target])
    assert early.student_inputs("vgg16", "cnn", "kd", 4)["teacher_model"]
    with pytest.raises(UserError) as caught:
        early.read_user_files(["snakemake", "--cores", "1"])
    assert [line.partition(":")[0] for line in str(caught.value).splitlines()] == [
        "teachers.mine.external",
        "teachers.stored.logits",
    ]


def test_without_a_teacher_there_is_only_the_data_set(plan):
    assert plan().student_inputs("_none", "cnn", "label_smoothing", 0).keys() == {"dataset"}
    inputs = plan().diagnosis_inputs("_none", "cnn", "label_smoothing")
    assert inputs.keys() == {"dataset", "test_logits", "validation_logits", "baseline_logits"}


def test_a_chain_is_followed_link_by_link(plan):
    """teacher -> middle -> cnn -> cnn: `via` first, then the generations."""
    chains = "results/test/chains/vgg16/assisted"
    student = plan().student_inputs("vgg16", "cnn", "assisted", 4)
    assert student["teacher_model"] == f"{chains}/middle+cnn/4/model.safetensors"
    second = plan().intermediate_inputs("vgg16", "assisted", "middle+cnn", 4)
    assert second["teacher_model"] == f"{chains}/middle/4/model.safetensors"
    first = plan().intermediate_inputs("vgg16", "assisted", "middle", 4)
    assert first["teacher_model"] == f"{T}/vgg16/model.safetensors"
    assert "targets" not in student
    assert first["targets"] == ["results/test/targets/vgg16/4/20.json"]


def test_a_trial_needs_nothing_of_the_test_set(plan):
    sweep = {"tuned": {"method": "kd", "over": {"temperature": [1, 2]}}}
    swept = plan(sweep=sweep)
    for name, values in trials(swept.study, "tuned", "cnn").items():
        inputs = swept.trial_inputs("vgg16", "cnn", "tuned", name, 0)
        assert inputs.keys() == {"dataset", "teacher_model", "targets"}
        job = swept.trial_job("vgg16", "cnn", "tuned", name, 0)
        assert (job.role, job.methods[0][1]["temperature"]) == ("trial", values["temperature"])


def ended(**files):
    """Snakemake's checkpoints, after a job that wrote these files."""
    job = SimpleNamespace(output=SimpleNamespace(**files))
    return SimpleNamespace(
        **dict.fromkeys(("halve_trials", "select_values"), SimpleNamespace(get=lambda **_: job))
    )


def test_a_rung_reads_the_trials_that_went_on(plan, tmp_path):
    over = {"temperature": {"low": 1, "high": 8, "log": True}}
    swept = plan(sweep={"halved": {"method": "kd", "search": "halving", "trials": 9, "over": over}})
    pair = ("vgg16", "cnn", "halved")
    everything = swept.rung_metrics(*pair, None, 0)
    assert len(everything) == 9 * 2  # trials, and seeds
    (tmp_path / "0.json").write_text('{"go_on": [3, 5]}')
    second = swept.rung_metrics(*pair, ended(rung=tmp_path / "0.json"), 1)
    rungs = rungs_of(swept.study, "halved", "cnn")
    names = [trial_name(swept.study.sweeps["halved"].trials[place], rungs[1][1]) for place in (3, 5)]
    folder = "results/test/sweeps/vgg16/cnn/halved"
    assert second == [f"{folder}/{name}/{seed}/metrics.json" for name in names for seed in (0, 4)]
    assert not {*second} & {*everything}  # longer, so trained by themselves
    assert swept.rungs_before(*pair, 0) == []
    assert swept.rungs_before(*pair, 1) == [f"{folder}/rungs/0.json"]


def test_values_are_selected_from_the_last_rung(plan, tmp_path):
    over = {"temperature": {"low": 1, "high": 8, "log": True}}
    swept = plan(sweep={"halved": {"method": "kd", "search": "halving", "trials": 9, "over": over}})
    pair, last = ("vgg16", "cnn", "halved"), len(rungs_of(swept.study, "halved", "cnn")) - 1
    assert last > 0
    (tmp_path / "x.json").write_text('{"go_on": [2]}')
    before = ended(rung=tmp_path / "x.json")
    assert swept.rung_metrics(*pair, before) == swept.rung_metrics(*pair, before, last)
    assert swept.rungs_before(*pair) == swept.rungs_before(*pair, last)
    assert rung_job(swept.study, "halved", "cnn") == rung_job(swept.study, "halved", "cnn", last)
    assert rung_job(swept.study, "halved", "cnn")["keep"] == 1
    inputs = swept.student_inputs(*pair, 0, ended(chosen="chosen.json"))
    assert inputs["chosen"] == "chosen.json"


def test_a_diagnosis_reads_what_there_is(plan):
    inputs = plan().diagnosis_inputs("vgg16", "cnn", "kd")
    assert inputs["test_logits"] == [f"{S}/vgg16/cnn/kd/{seed}/test_logits.npy" for seed in (0, 4)]
    assert inputs["validation_logits"] == [
        f"{S}/vgg16/cnn/kd/{seed}/validation_logits.npy" for seed in (0, 4)
    ]
    assert inputs["baseline_logits"] == [f"results/test/alone/cnn/{seed}/test_logits.npy" for seed in (0, 4)]
    assert inputs["fidelity"] == f"{S}/vgg16/cnn/kd/fidelity.json"
    assert inputs["teacher_test"] == f"{T}/vgg16/test_logits.npy"
    assert "cka" not in inputs
    assert "teacher_test" not in plan().diagnosis_inputs("stored", "cnn", "kd")
    with_cka = plan(diagnostics={"cka": True})
    assert "cka" in with_cka.diagnosis_inputs("vgg16", "cnn", "kd")
    assert "cka" not in with_cka.diagnosis_inputs("both", "cnn", "kd")


def test_an_export_reads_all_seeds_and_has_int8_where_it_is_on(plan):
    inputs = plan().export_inputs("vgg16", "cnn", "kd")
    of_seeds = ("models", "metrics", "test_logits", "validation_logits", "alone")
    assert [len(inputs[name]) for name in of_seeds] == [2] * 5
    assert inputs["teacher"] == f"{T}/vgg16/metrics.json"
    assert "teacher" not in plan().export_inputs("_none", "cnn", "label_smoothing")
    int8 = "results/test/export/vgg16/cnn/kd/model_int8.onnx"
    assert int8 in plan(export={"int8": True}).exports()
    assert int8 not in plan(export={"int8": False}).exports()


def test_the_whole_study_in_the_order_of_the_table(plan):
    small = plan(
        teachers={"vgg16": {}, "stored": TEACHERS["stored"]},
        methods={"kd": {}, "label_smoothing": {}},
        students={"cnn": {}},
        pairs=[["vgg16", "cnn"]],
    )
    students = ["alone/cnn", "distilled/vgg16/cnn/kd", "distilled/_none/cnn/label_smoothing"]
    runs = ["teachers/vgg16", *(f"{student}/{seed}" for student in students for seed in (0, 4))]
    assert [str(folder) for folder in small.runs()] == [f"results/test/{run}" for run in runs]
    first = {f"teachers/{name}": f"teachers/{name}" for name in ("vgg16", "stored")}
    first |= {student: f"{student}/0" for student in students}
    cells = {str(folder): str(run) for folder, run in small.cells().items()}
    assert list(cells.items()) == [(f"results/test/{a}", f"results/test/{b}") for a, b in first.items()]


def test_what_snakemake_asks(plan):
    study = plan().study
    patterns = wildcards(study)
    assert patterns["teacher"] == "resnet18|vgg16|both|stored|_none"
    assert (patterns["ensemble"], patterns["external"], patterns["logits_teacher"]) == (
        "both",
        "_none",
        "stored",
    )
    assert patterns["student"] == "cnn|middle"
    settings = script_config(study)
    assert settings["user_files"] == {"stored": "logits.npz"}
    assert settings["compute"] == study.compute.model_dump()
    assert (settings["work"], settings["progress"]) == ("results/test/work", "results/test/progress")


SIMPLE = {"teachers": {"vgg16": {}}, "students": {"cnn": {}}, "pairs": "all"}


@pytest.mark.parametrize(
    ("methods", "seeds", "slots", "wide"),
    [
        (("kd", "hot", "cold"), [0], 2, {("cold", 0): 2}),
        (("kd", "hot"), [0], 2, {}),
        (("kd",), [0, 4], 2, {}),
        (("kd", "hot", "cold"), [0], 1, {}),
        (("kd", "hot", "cold"), [0], 4, {}),  # a fourth of them cannot be shared by three
        (("kd",), [0, 4], 9, {("kd", 0): 4, ("kd", 4): 4}),
        (("kd", "hot"), [0, 4, 5], 4, {("hot", 4): 2, ("hot", 5): 2}),
    ],
)
def test_the_students_that_are_left_share_all_slots(plan, methods, seeds, slots, wide):
    entries = {name: {"method": "kd"} for name in methods}
    shared = plan(**SIMPLE, methods=entries, seeds=seeds).wide_students(slots)
    assert shared == {("vgg16", "cnn", method, seed): cores for (method, seed), cores in wide.items()}
