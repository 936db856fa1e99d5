"""Each method that reads stored logits in a real training: three classes, a teacher, its targets, a student."""

# ruff: noqa: F811 (fixtures of another file, which pytest asks for by name)

import pytest
from small_jobs import dataset, job, make_targets, rows_of, run, teacher  # noqa: F401 (fixtures)

pytestmark = [pytest.mark.usefixtures("one_thread"), pytest.mark.full]
METHODS = {"ttm": {}, "wttm": {}, "rld": {}, "abkd": {}, "wkd_l": {"wkd_weight": 5}}
TERMS = {"ttm": {"kd"}, "wttm": {"kd"}, "rld": {"scd", "mcd"}, "abkd": {"kd"}, "wkd_l": {"target", "wkd"}}


@pytest.fixture(scope="module")
def targets(dataset, teacher, tmp_path_factory):
    return make_targets(teacher, dataset, tmp_path_factory.mktemp("targets"), seed=3, epochs=8)[0]


@pytest.mark.parametrize("name", METHODS)
def test_a_student_learns_from_stored_logits(dataset, targets, tmp_path, name):
    what = job("distilled", epochs=8, teacher="big", methods=[(name, METHODS[name])])
    metrics = run(tmp_path, dataset, what, targets=[targets])
    assert metrics["test_accuracy"] > 60  # a third would be chance
    rows = rows_of(tmp_path)
    terms = {key.removeprefix("loss_") for key in rows[0] if key.startswith("loss_")}
    assert terms == TERMS[name] | {"ce"}
    assert all(float(row[f"loss_{term}"]) != 0 for row in rows[:1] for term in terms)
