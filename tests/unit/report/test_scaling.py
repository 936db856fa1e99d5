"""Temperature scaling and rejection on the page of a diagnosis."""

import pytest
from diagnosed import made_up, page_of
from html_page import Page

from kd.report.diagnosis.scaling import scaling_of


def test_a_run_is_shown_before_and_after_temperature_scaling():
    diagnosis = made_up("abcdefg", seeds=(0,))
    (run,) = diagnosis["runs"]
    made = run["calibrated"]
    page = Page(page_of(diagnosis))
    assert page.source.count('class="reliability"') == 2
    assert (
        f"ECE {run['ece']:.2f} % → {made['ece']:.2f} %, NLL {run['nll']:.3f} → {made['nll']:.3f}."
        in page.text
    )
    assert f"Temperature {made['temperature']:.3f}, fitted on 60 validation images." in page.text
    diagnosis["validation_images"], run["calibrated"] = 0, None
    page = Page(page_of(diagnosis))
    assert page.source.count('class="reliability"') == 1
    assert "No temperature scaling and no rejection threshold: no validation split." in page.text


MADE = {"images": 108, "temperature": 1.5, "ece": 1.0, "nll": 0.25, "target": 99.0, "threshold": 0.875}
MADE |= {"validation": {"accuracy": 99.5, "coverage": 80.0}, "test": {"accuracy": 98.25, "coverage": 81.0}}
RUN = {"ece": 3.0, "nll": 0.5}


@pytest.mark.parametrize(
    ("changes", "first", "second"),
    [
        (
            {},
            "Temperature 1.500, fitted on 108 validation images. On the test images: ECE 3.00 % → 1.00 %, NLL 0.500"
            " → 0.250.",
            "Rejection threshold 0.8750, a confidence after scaling (target 99 %). At or above it: validation"
            " accuracy 99.50 %, coverage 80.00 %; test accuracy 98.25 %, coverage 81.00 %.",
        ),
        (
            {"threshold": None},
            "Temperature 1.500",
            "No rejection threshold: no confidence gives 99 % accuracy on the validation images.",
        ),
        (
            {"threshold": 0.0, "temperature": None, "validation": {"accuracy": 100.0, "coverage": 100.0}},
            "No temperature scaling: the 108 validation images are predicted correctly.",
            "Nothing to reject: the accuracy on the validation images is 100.00 % (target 99 %).",
        ),
        (
            {"threshold": None, "temperature": None},
            "No temperature scaling: the 108 validation images are predicted no better than by chance.",
            "No rejection threshold",
        ),
    ],
)
def test_temperature_and_threshold_in_words(changes, first, second):
    lines = scaling_of(RUN | {"calibrated": MADE | changes}, 108)
    assert len(lines) == 2
    assert lines[0].startswith(first)
    assert lines[1].startswith(second)


def test_a_teacher_of_logits_has_no_temperature():
    (line,) = scaling_of(RUN | {"calibrated": None}, 108)
    assert line.endswith("of this teacher there are no validation logits.")
