"""Methods of logits in a real training each: three classes, a teacher or its targets, a student."""

# ruff: noqa: F811 (fixtures of another file, which pytest asks for by name)

import pytest
from small_jobs import dataset, job, make_targets, rows_of, run, teacher  # noqa: F401 (fixtures)

pytestmark = [pytest.mark.usefixtures("one_thread"), pytest.mark.full]
CHANCE = 100 / 3
METHODS = {"ttm": {}, "wttm": {}, "rld": {}, "abkd": {}, "wkd_l": {"wkd_weight": 5}}
TERMS = {"ttm": {"kd"}, "wttm": {"kd"}, "rld": {"scd", "mcd"}, "abkd": {"kd"}, "wkd_l": {"target", "wkd"}}


LIVE = {"dist_plus": {}, "sd_kd": {}, "sd_dkd": {"warmup": 2}, "sd_nkd": {"warmup": 2}}
ALONE = {"uskd": {}, "ps_kd": {}, "cs_kd": {}, "dlb": {}}


@pytest.fixture(scope="module")
def targets(dataset, teacher, tmp_path_factory):
    return make_targets(teacher, dataset, tmp_path_factory.mktemp("targets"), seed=3, epochs=8)[0]


@pytest.mark.parametrize("name", METHODS)
def test_a_student_learns_from_stored_logits(dataset, targets, tmp_path, name):
    what = job("distilled", epochs=8, teacher="big", methods=[(name, METHODS[name])])
    metrics = run(tmp_path, dataset, what, targets=[targets])
    assert metrics["test_accuracy"] > CHANCE + 25
    rows = rows_of(tmp_path)
    terms = {key.removeprefix("loss_") for key in rows[0] if key.startswith("loss_")}
    assert terms == TERMS[name] | {"ce"}
    assert all(float(row[f"loss_{term}"]) != 0 for row in rows[:1] for term in terms)


@pytest.mark.parametrize("name", LIVE)
def test_a_student_learns_from_a_teacher_that_runs(dataset, teacher, tmp_path, name):
    what = job("distilled", epochs=8, teacher="big", methods=[(name, LIVE[name])])
    metrics = run(tmp_path, dataset, what, teacher_model=teacher[0] / "model.safetensors")
    assert metrics["test_accuracy"] > CHANCE + 25


@pytest.mark.parametrize("name", ALONE)
def test_a_student_learns_without_a_teacher(dataset, tmp_path, name):
    metrics = run(tmp_path, dataset, job("distilled", epochs=8, methods=[(name, ALONE[name])]))
    assert metrics["test_accuracy"] > CHANCE + 25
