"""A sweep, really run: its trials share what is there, finished ones stay, and the best values are used."""

import json

import pandas as pd
import pytest
import yaml
from checkout import Checkout, copied, copy_code, diagnosed
from reruns import REPORT

TEMPERATURES, WEIGHTS = [1, 2, 4, 8], [0.3, 0.5, 0.9]
SWEPT = "results/tiny/sweeps/vgg16/cnn/tuned"
FINAL = "results/tiny/distilled/vgg16/cnn/tuned/0"

pytestmark = pytest.mark.full


def configure(checkout, **over):
    over = {"temperature": TEMPERATURES, "kd_weight": WEIGHTS, **over}
    checkout.configure(
        teachers={"vgg16": {"width": 0.125}},
        students={"cnn": {"channels": [4]}},
        seeds=[0],
        sweep={"tuned": {"method": "kd", "over": over}},
    )


@pytest.fixture(scope="module")
def first(tmp_path_factory):
    """A sweep of 12 trials that has been run, and what was to be done before."""
    checkout = Checkout(tmp_path_factory.mktemp("swept"))
    copy_code(checkout.folder)
    configure(checkout)
    planned = checkout.pending()
    checkout.run()
    return checkout, planned


@pytest.fixture
def swept(first, tmp_path):
    return copied(first[0], tmp_path / "copy")


def test_12_trials_run_the_teacher_once(first):
    checkout, planned = first
    assert len(planned["run_trial"]) == 12
    assert planned["train_teacher"] == {"vgg16"}
    assert planned["cache_targets"] == {"vgg16 0 2"}
    assert planned["select_values"] == {"vgg16 cnn tuned"}
    assert planned["distill_student"] == {"vgg16 cnn kd 0", "vgg16 cnn tuned 0"}
    assert len(list(checkout.folder.glob("results/tiny/logs/cache_targets/**/*.log"))) == 1
    assert checkout.pending() == {}


def test_the_best_on_validation_is_trained_and_named_in_the_table(first):
    folder = first[0].folder
    trials = pd.read_csv(folder / SWEPT / "trials.csv")
    best = trials.sort_values(["validation_accuracy", "validation_loss"], ascending=[False, True]).iloc[0]
    chosen = json.loads((folder / SWEPT / "chosen.json").read_text())
    assert best["chosen"] == 1
    assert chosen == {"temperature": best["temperature"], "kd_weight": best["kd_weight"]}
    metrics = json.loads((folder / FINAL / "metrics.json").read_text())
    assert metrics["chosen"] == chosen
    # The same job with the same values: after as many epochs it does on validation what the trial did.
    assert metrics["validation_loss"] == pytest.approx(best["validation_loss"], rel=1e-6)
    table = pd.read_csv(folder / "results/tiny/table.csv")
    row = table[(table["method"] == "tuned") & (table["name"] == "cnn")].iloc[0]
    assert "(chosen on validation: " in row["loss_function"]
    for path in folder.glob(f"{SWEPT}/*/0/metrics.json"):
        assert "test" not in path.read_text()
    assert (folder / "results/tiny/plots/sweeps/tuned.svg").exists()


def test_a_value_more_runs_its_own_trials_alone(swept):
    configure(swept, temperature=[*TEMPERATURES, 30])
    pending = swept.pending()
    assert len(pending.pop("run_trial")) == 3
    again = {"select_values": {"vgg16 cnn tuned"}, "draw_sweep": {"tuned"}}
    # Only when the choice is made is it known whether the student stays.
    student = {"distill_student": {"vgg16 cnn tuned 0"}, **diagnosed(students="vgg16 cnn tuned")}
    assert pending == {**student, **again, **REPORT}


def test_the_student_stays_when_the_same_values_are_chosen_again(swept):
    chosen = json.loads((swept.folder / SWEPT / "chosen.json").read_text())
    other = next(value for value in TEMPERATURES if value != chosen["temperature"])
    model = swept.folder / FINAL / "model.safetensors"
    before = model.stat().st_mtime_ns
    configure(swept, temperature=[value for value in TEMPERATURES if value != other])
    assert "run_trial" not in swept.pending()
    swept.run(f"{FINAL}/metrics.json")
    assert len(pd.read_csv(swept.folder / SWEPT / "trials.csv")) == 9
    assert model.stat().st_mtime_ns == before
    configure(swept)
    assert "run_trial" not in swept.pending()


def test_other_values_chosen_train_the_student_again(swept):
    chosen = json.loads((swept.folder / SWEPT / "chosen.json").read_text())
    rest = [value for value in TEMPERATURES if value != chosen["temperature"]]
    configure(swept, temperature=rest)
    swept.run(f"{FINAL}/metrics.json")
    metrics = json.loads((swept.folder / FINAL / "metrics.json").read_text())
    assert metrics["chosen"]["temperature"] in rest


def test_another_fixed_option_runs_every_trial_again(swept):
    text = (swept.folder / "study.yaml").read_text()
    (swept.folder / "study.yaml").write_text(text.replace("method: kd", "method: kd\n    ce_weight: 0.3"))
    pending = swept.pending()
    assert len(pending["run_trial"]) == 12
    assert not {"train_teacher", "cache_targets", "train_baseline"} & set(pending)


def test_halving_trains_a_third_of_the_trials_for_longer_and_more_trials_reuse_them(swept):
    halved = {
        "method": "kd",
        "search": "halving",
        "over": {"temperature": {"low": 1, "high": 20, "log": True}},
    }
    folder = swept.folder / "results/tiny/sweeps/vgg16/cnn/halved"

    def rungs(trials):
        """How many trials there were of each length."""
        text = (swept.folder / "study.yaml").read_text().partition("sweep:")[0]
        swept.configure(**yaml.safe_load(text), sweep={"halved": {**halved, "trials": trials}})
        swept.run("results/tiny/sweeps/vgg16/cnn/halved/chosen.json")
        return pd.read_csv(folder / "trials.csv")["epochs"].value_counts().to_dict()

    assert rungs(3) == {1: 3, 2: 1}
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("metrics.json")}
    assert len(before) == 4
    assert rungs(4) == {1: 4, 2: 2}
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert len(list(folder.rglob("metrics.json"))) <= 4 + 1 + 2
