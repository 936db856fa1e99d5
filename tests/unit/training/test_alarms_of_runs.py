"""What trainings say of their methods in the log and in their metrics."""

# ruff: noqa: F811 (fixtures of another file, which pytest asks for by name)

import numpy as np
import pytest
from small_jobs import dataset, job, rows_of, run, teacher  # noqa: F401 (fixtures)
from tiers import sample

pytestmark = pytest.mark.usefixtures("one_thread")
OFF = [  # weights that are 0 as published: by an option, or in the last epoch
    ("ab", {"init_epochs": 1, "ce_weight": 1.0, "kd_weight": 0.0}),
    ("wkd_l", {}),
    ("wkd_f", {}),
]


def distilled(folder, dataset, teacher, name, options, logits=None):
    what = job("distilled", epochs=3, teacher="big", method_name=name, methods=[(name, options)])
    files = {"teacher_model": teacher[0] / "model.safetensors", "teacher_logits": logits}
    return run(folder, dataset, what, **files)


@pytest.mark.parametrize(("name", "options"), sample(OFF, OFF[1:2]))
def test_a_weight_that_is_0_as_published_is_no_sign(teacher, dataset, tmp_path, caplog, name, options):
    metrics = distilled(tmp_path, dataset, teacher, name, options)
    assert "alarms" not in metrics
    assert not [record for record in caplog.records if "loss term" in record.getMessage()]
    rows = rows_of(tmp_path)
    if name == "ab":
        assert "loss_kd" not in rows[-1]
    else:
        assert float(rows[-1]["loss_wkd"]) == 0 < float(rows[-2]["loss_wkd"])


def test_a_student_that_agrees_by_chance_alone_says_so(teacher, dataset, tmp_path, caplog):
    """The classes of the teacher's 30 predictions follow each other, whatever class the image has."""
    logits = np.eye(3, dtype=np.float32)[np.arange(30) // 10]
    np.save(tmp_path / "logits.npy", logits)
    metrics = distilled(tmp_path, dataset, teacher, "kd", {}, tmp_path / "logits.npy")
    predicted = np.load(tmp_path / "test_logits.npy").argmax(1)
    same = 100 * (predicted == logits.argmax(1)).mean()
    # The teacher has each class in a third of the images, so a third is expected of any student.
    text = f"agreement with the teacher is no better than chance: {same:.1f} %, 33.3 % expected"
    assert metrics["alarms"] == [text]
    assert metrics["agreement"] == pytest.approx(same)
    warned = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert warned == [f"[big -> small, kd, seed 3]  {text}"]


def test_a_student_of_its_own_teacher_says_nothing(teacher, dataset, tmp_path):
    metrics = distilled(tmp_path, dataset, teacher, "kd", {}, teacher[0] / "test_logits.npy")
    assert "alarms" not in metrics
    assert metrics["agreement"] > 60
