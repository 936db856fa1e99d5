"""What was deleted is made again, and nothing else: read from Snakemake's own plan."""

import pytest
from checkout import diagnosed
from reruns import PAGES, REPORT

OTHERS = ("history.csv", "validation_logits.npy", "test_logits.npy")
NAMES = [
    "metrics.json",
    "model.safetensors",
    *(pytest.param(name, marks=pytest.mark.full) for name in OTHERS),
]


@pytest.mark.parametrize("name", NAMES)
def test_a_deleted_result_is_made_again(finished, name):
    (finished.folder / "results/tiny/distilled/vgg16/cnn/kd/0" / name).unlink()
    again = {"distill_student": {"vgg16 cnn kd 0"}, **diagnosed(students="vgg16 cnn kd")}
    assert finished.pending() == {**again, **REPORT}


@pytest.mark.parametrize(
    ("name", "again"),
    [("diagnosis.json", diagnosed(alone="cnn") | REPORT), ("diagnosis.html", PAGES)],
)
def test_a_deleted_diagnosis_is_made_again(finished, name, again):
    (finished.folder / "results/tiny/alone/cnn" / name).unlink()
    assert finished.pending() == again
