"""What the report says of a run: in numbers without saying one twice, in bars, and of its classes."""

import json
import re

import pytest
from fake_results import write_results
from fake_runs import fake_run

import build_report
from kd.report.reliability import reliability

MINUS = "\N{MINUS SIGN}"


def page_of(folder, *, diagnosed=True, **contents):
    """The report of one student that was distilled once, whose diagnosis has these `contents`."""
    runs = [fake_run(), fake_run("alone", "cnn"), fake_run("distilled", "cnn")]
    files = write_results(folder / "study", runs, diagnosed=diagnosed)
    for path in files["diagnoses"]:
        diagnosis = json.loads(path.read_text())
        of_taught = diagnosis["role"] == "distilled"
        known = {what: value for what, value in contents.items() if of_taught or what != "class_gain"}
        diagnosis["classes"] = ["7", "3", "ant"]
        some = {"confused": [[0, 1, 6]], "class_gain": None} | known
        diagnosis["runs"] = [run | some for run in diagnosis["runs"]]
        path.write_text(json.dumps(diagnosis))
    build_report.main(**files)
    return files["report"].read_text(encoding="utf-8")


def sentence(page, what):
    """What stands after these words, which lead to the diagnosis they came from."""
    match = re.search(f"<p><a[^>]*>{what}</a>: (.*)</p>", page)
    return match and match.group(1)


CONFUSION = [[30, 4, 0], [2, 33, 2], [0, 0, 250]]  # rows of 34, 37 and 250 images


def test_gains_of_classes_are_points_and_are_called_chance(tmp_path):
    page = page_of(tmp_path, confusion=CONFUSION, class_gain=[17.476, 2.05, -1.234])
    assert sentence(page, "Most frequent mistakes") == "class 7 predicted as class 3 (6 times)."
    assert sentence(page, "Classes that gained most") == "class 7: +17.5 points, class 3: +2.0 points."
    assert sentence(page, "Classes that lost most") == f"ant: {MINUS}1.2 points."
    assert sentence(page, "Basis of these gains") == (
        "one seed and 34 to 250 test images of each class; with few images of a class its gain is mostly chance."
    )


def test_only_the_classes_that_are_named_are_counted(tmp_path):
    page = page_of(tmp_path, confusion=CONFUSION, class_gain=[None, 2.05, 0.0])
    assert "one seed and 37 test images of each class;" in sentence(page, "Basis of these gains")


def test_of_more_classes_than_a_confusion_has_no_number_is_made_up(tmp_path):
    page = page_of(tmp_path, confusion=None, class_gain=[1.0, 0.0, 0.0])
    assert sentence(page, "Basis of these gains").startswith("one seed; with few images")
    page = page_of(tmp_path / "none", confusion=None, class_gain=[0.0, None, 0.0])
    assert sentence(page, "Basis of these gains") is None


@pytest.mark.parametrize("diagnosed", [True, False])
def test_no_number_is_there_twice_by_two_names(diagnosed, tmp_path):
    page = page_of(tmp_path, diagnosed=diagnosed)
    numbers = page.split('id="distilled/resnet18/cnn/kd/0"')[1].split("</dl>")[0]
    names = re.findall("<dt>(.*?)</dt>", numbers)
    assert "test loss" in names
    assert "negative log-likelihood" not in names
    assert [name for name in names if name.startswith("agreement")] == [
        "agreement, test images" if diagnosed else "agreement"
    ]


def bins(*counts):
    step = 1 / len(counts)
    known = {"confidence": 0.5, "accuracy": 0.5}
    return [
        {"low": k * step, "high": (k + 1) * step, "count": count} | known for k, count in enumerate(counts)
    ]


@pytest.mark.parametrize(("counts", "faded"), [((0, 9, 10), 1), ((1, 2, 500), 2), ((0, 10, 500), 0)])
def test_bars_of_few_images_are_faded_and_the_caption_says_so(counts, faded, tmp_path):
    assert reliability(bins(*counts), 1.0).count('class="right few"') == faded
    page = page_of(tmp_path, reliability=bins(*counts))
    captions = re.findall("<figcaption>(.*Reliability diagram.*)</figcaption>", page)
    assert len(captions) == 3
    assert all(("(pale: fewer than 10 images)" in caption) == bool(faded) for caption in captions)
