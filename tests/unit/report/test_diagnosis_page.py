"""The page of a diagnosis: it shows what diagnosis.json holds, and no name can break it."""

import base64
import io
import re
from pathlib import Path
from urllib.parse import quote

import numpy as np
import pytest
import torch
from diagnosed import METRICS, made_up, page_of
from html_page import Page
from PIL import Image

from kd.data.preparation.packing import Packing
from kd.data.shards import Shards
from kd.report.diagnosis.classes import class_list
from kd.report.diagnosis.drawings import probabilities
from kd.report.diagnosis.pictures import confusion_picture, picture, pictures
from kd.report.links import Links
from kd.report.reliability import reliability

EVIL = '<script>alert("1")</script>'


def test_the_page_shows_the_numbers():
    diagnosis = made_up("abc")
    text = Page(page_of(diagnosis)).text
    assert "Student small from big by kd" in text
    assert "cnn, 1.442 k parameters, loss: 0.1·CE + 0.9·T²·KL, T=4" in text
    for run in diagnosis["runs"]:
        for key, digits in (("nll", 3), ("loss_correct", 3), ("loss_wrong", 3), ("ece", 2), ("brier", 4)):
            assert f"{run[key]:.{digits}f}" in text
        assert f"Seed {run['seed']}: {run['correct']} of 60 test images correct" in text
        true, predicted, count = run["confused"][0]
        assert f"{'abc'[true]} predicted as {'abc'[predicted]}: {count}" in text
        assert (
            f"loss {run['worst'][0]['loss']:.2f} confidence {100 * run['worst'][0]['confidence']:.1f} %"
            in text
        )
    for number in ("87.50", "0.432", "93.75", "0.123", "0.88"):
        assert number in text
    assert "sd" in re.findall(r'<th class="name" scope="row">(.*?)</th>', page_of(diagnosis))[:2]


def test_charts_say_their_numbers_to_who_cannot_see_them():
    diagnosis = made_up("abc")
    page = Page(page_of(diagnosis))
    at = diagnosis["runs"][0]["soft_targets"][0]["temperatures"][1]
    (label,) = {
        alt
        for alt in page.alts
        if alt.startswith(f"a: teacher {at['teacher'][0]:.1%}, student {at['student'][0]:.1%}; b: ")
    }
    assert label.endswith(f"c: teacher {at['teacher'][2]:.1%}, student {at['student'][2]:.1%}")
    named = sum(len(diagnosis["changes"][kind]) for kind in ("corrected", "broken"))
    assert page.tags.count("img") == 2 * (16 + 6) + named
    first = diagnosis["runs"][0]["worst"][0]
    assert f"Test image {first['index']}: {'abc'[first['true']]}" in page.alts


def test_it_leads_to_its_numbers_and_back_to_the_report():
    diagnosis = made_up("abc")
    page = Page(page_of(diagnosis))
    up = "../../../../report.html#"
    assert page.leads == [f"{up}distilled/big/small/kd", "diagnosis.json", "0/metrics.json", "1/metrics.json"]
    cell = "distilled/b+g/sm%all/kd"  # a name as a config would not allow it, for its address
    page = Page(page_of(diagnosis, cell=cell))
    anchor = Links(Path("results/mine")).anchor(Path("results/mine") / cell)
    assert page.leads[0] == f"{up}{quote(anchor)}" == f"{up}distilled/b%2Bg/sm%25all/kd"
    teacher = Page(page_of(made_up("abc", role="teacher", seeds=()), cell="teachers/small"))
    assert teacher.leads == ["../../report.html#teachers/small", "diagnosis.json", "metrics.json"]


@pytest.mark.parametrize("count", [3, 21, 101])
def test_it_asks_nothing_of_the_network(count):
    html = page_of(made_up([f"class {number}" for number in range(count)]))
    page = Page(html)
    assert page.loads
    assert all(link.startswith("data:image/png;base64,") for link in page.loads)
    assert not [link for link in page.leads if ":" in link or link.startswith("/")]
    assert not {"link", "script", "iframe", "object", "form"} & set(page.tags)
    assert "url(" not in html
    assert "@import" not in html
    assert not re.search(r"\bnan\b|\bNone\b", page.text)


def test_names_cannot_break_it():
    diagnosis = made_up([EVIL, "b", "c" * 200]) | {"name": EVIL, "teacher": EVIL, "method": EVIL}
    page = Page(page_of(diagnosis, METRICS | {"architecture": EVIL, "loss_function": EVIL}))
    assert "script" not in page.tags
    assert f"Student {EVIL} from {EVIL} by {EVIL}" in page.text
    assert f"{EVIL} predicted as " in page.text
    assert "c" * 29 + "…" in page.text


def test_matrices_are_tables_pictures_or_lists():
    assert "confusion matrix" in page_of(made_up("abc")).lower()
    few, more, most = (
        Page(page_of(made_up([f"class {number}" for number in range(count)]))) for count in (20, 21, 101)
    )
    marks = [
        [alt.partition(":")[0] for alt in page.alts if alt.startswith("Confusion")]
        for page in (few, more, most)
    ]
    assert marks == [
        [
            *("Confusion matrix, per cent", "Confusion matrix, images"),
            *(
                "Confusion matrix, difference to the baseline",
                "Confusion matrix, Seed 0",
                "Confusion matrix, Seed 1",
            ),
        ],
        ["Confusion matrix"] * 3,  # and the picture of the difference
        [],
    ]
    assert "Difference to the confusion matrix of the baseline" in " ".join(more.alts)
    assert " predicted as " in most.text


def test_a_confusion_picture_is_blue_where_it_is_right_and_white_where_nothing_is():
    address = confusion_picture([[4, 0], [1, 3]])
    with Image.open(io.BytesIO(base64.b64decode(address.partition(",")[2]))) as image:
        pixels = np.asarray(image.convert("RGB")).astype(int)
    assert pixels.shape == (2, 2, 3)
    assert pixels[0, 0].tolist() == [20, 70, 150]
    assert pixels[0, 1].tolist() == [255, 255, 255]
    # A quarter of the row: half way, by its root, from white to red.
    assert np.abs(pixels[1, 0] - (np.array([170, 40, 30]) + 255) / 2).max() <= 1


def row_of(gains, images=50):
    """The row of a class with these gains, one of each seed."""
    runs = [{"class_gain": [gain], "class_accuracy": [40.0]} for gain in gains]
    diagnosis = {"classes": ["a"], "class_images": [images], "runs": runs}
    listed = class_list(diagnosis, [f"seed {place}" for place in range(len(gains))])
    (row,) = listed["rows"]
    return row | {"by_seed": listed["by_seed"]}


def test_a_gain_is_coloured_where_the_seeds_agree_and_not_by_its_size():
    """Of two seeds 2.2 and 33.8 the half-width is 12.706 · 22.34 / √2 = 200.8; of 2, 2.1, 1.9 it is 0.25."""
    row = row_of([2.2, 33.8])
    assert (row["gain"], row["kind"]) == ("+18.0 [−182.8, 218.8]", "")
    assert re.findall(r"<td>([^<]*)</td>", row["by_seed"]) == ["+2.2", "+33.8"]
    assert 'class="even"' in row["strip"]
    row = row_of([2.0, 2.1, 1.9])
    assert (row["gain"], row["kind"]) == ("▲ +2.0 [1.8, 2.2]", "better")
    assert 'class="better"' in row["strip"]
    row = row_of([-2.0, -2.1, -1.9])
    assert (row["gain"], row["kind"]) == ("▼ −2.0 [−2.2, −1.8]", "worse")
    row = row_of([5.0])
    assert (row["gain"], row["kind"], row["by_seed"]) == ("+5.0", "", "")
    row = row_of([None, None], images=0)
    assert (row["gain"], row["strip"], row["kind"]) == ("–", "", "")


def test_every_seed_is_a_line_on_the_bar_of_its_class():
    """From -20 to 20: 10 is three quarters to the right, -20 at the left edge."""
    lines = re.findall(r'<line class="seed" x1="([\d.]+)"', row_of([10.0, -20.0])["strip"])
    assert list(map(float, lines)) == [75, 0]


def test_bars_of_reliability_stand_on_their_confidence():
    """Half of the answers from 0.8 to 0.9 are right: from 40 + 0.8 · 232 = 225.6 on, 116 of 232 high."""
    empty = {"low": 0.0, "high": 0.8, "count": 0, "confidence": None, "accuracy": None}
    bar = {"low": 0.8, "high": 0.9, "count": 14, "confidence": 0.85, "accuracy": 0.5}
    drawn = str(reliability([empty, bar], 2.5))
    assert drawn.count('class="right"') == 1
    assert 'class="right" x="226.1" y="124" width="22.2" height="116"' in drawn
    assert "expected calibration error 2.50 %" in drawn
    assert "14 images, confidence 85.0%, accuracy 50.0%" in drawn


def test_the_gap_between_accuracy_and_confidence_is_hatched():
    drawn = str(
        reliability([{"low": 0.4, "high": 0.6, "count": 20, "confidence": 0.55, "accuracy": 0.25}], 1.0)
    )
    (bar,) = re.findall(
        r'<rect class="right" x="([\d.]+)" y="([\d.]+)" width="([\d.]+)" height="([\d.]+)"', drawn
    )
    left, top, width, _ = map(float, bar)
    (gap,) = re.findall(r'<rect class="over" x="[\d.]+" y="([\d.]+)" width="[\d.]+" height="([\d.]+)"', drawn)
    assert float(gap[0]) + float(gap[1]) == pytest.approx(top, abs=1e-3)  # down to the accuracy
    (path,) = re.findall(r'<path class="over hatch" d="([^"]*)"', drawn)
    points = [tuple(map(float, point.split())) for point in re.split("[ML]", path) if point]
    assert len(points) > 10
    for x, y in points:
        assert left - 0.1 <= x <= left + width + 0.1
        assert float(gap[0]) - 0.1 <= y <= top + 0.1


def test_it_says_how_many_test_images_a_class_has():
    diagnosis = made_up("abc")
    assert "20 test images of each class." in Page(page_of(diagnosis)).text
    uneven = page_of(diagnosis | {"class_images": [1, 1200, 33]})
    assert "1 to 1,200 test images of each class." in Page(uneven).text
    assert re.findall(r"<td>([\d,]+)</td>\s*<td>[\d.]+</td><td class=\"wide\">", uneven) == [
        "1",
        "1,200",
        "33",
    ]


def test_bars_of_few_images_are_pale_and_the_page_says_so():
    def bins(*counts):
        shares = [(place / 15, (place + 1) / 15) for place in range(15)]
        padded = [*counts, *[0] * (15 - len(counts))]
        known = {"confidence": 0.5, "accuracy": 0.25}
        return [
            {"low": low, "high": high, "count": count} | known
            for (low, high), count in zip(shares, padded, strict=True)
        ]

    drawn = str(reliability(bins(9, 10, 1), 1.0))
    assert [bool(part) for part in re.findall(r'<g( class="few")?>', drawn)] == [True, False, True]
    diagnosis = made_up("abc", seeds=(0,))
    for counts, pale in (((10, 50), False), ((9, 51), True)):
        diagnosis["runs"][0]["reliability"] = bins(*counts)
        assert ("Pale bars are of fewer than 10 images" in Page(page_of(diagnosis)).text) == pale


def test_each_bar_of_a_chart_has_its_own_number_at_its_end():
    drawn = str(probabilities(["a", "b"], [0.9, 0.004], [0.25, 0.75], 0))
    bars = re.findall(r'<rect class="(\w+)" x="([\d.]+)" y="([\d.]+)" width="([\d.]+)"', drawn)
    assert [who for who, *_ in bars] == ["teacher", "student", "teacher", "student"]
    numbers = re.findall(r'<text x="([\d.]+)" y="([\d.]+)" class="start number (\w+)">(\d+%)</text>', drawn)
    assert [(who, text) for _, _, who, text in numbers] == [
        ("teacher", "90%"),
        ("student", "25%"),
        ("student", "75%"),
    ]
    ends = {(who, float(x) + float(width), float(y)) for who, x, y, width in bars}
    for x, y, who, _ in numbers:
        assert any(
            who == bar and 0 < float(x) - end < 5 and 0 < float(y) - top < 10 for bar, end, top in ends
        )
    axis = re.findall(r'<text x="([\d.]+)" y="[\d.]+" class="middle">(\d+%)</text>', drawn)
    assert [text for _, text in axis] == ["0%", "50%", "100%"]
    zero, half, whole = (float(x) for x, _ in axis)
    assert float(bars[0][1]) == zero
    assert float(bars[0][3]) == pytest.approx(0.9 * (whole - zero), rel=1e-4)
    assert half == pytest.approx((zero + whole) / 2, rel=1e-4)


def test_of_many_classes_the_ends_of_the_list_stay():
    diagnosis = made_up([f"class {number}" for number in range(101)], samples=3000, seeds=(0,))
    gains = {f"class {place}": gain for place, gain in enumerate(diagnosis["runs"][0]["class_gain"])}
    listed = class_list(diagnosis, ["seed 0"])
    assert listed["left"] == 61
    ordered = sorted(gains, key=gains.get)
    assert [row["name"] for row in listed["rows"]] == ordered[:20] + ordered[-20:]
    assert "61 classes between them are left out" in Page(page_of(diagnosis)).text


def test_of_many_classes_a_chart_has_the_likely_ones_the_true_one_and_the_rest():
    classes = [f"c{number}" for number in range(50)]
    diagnosis = made_up(classes, seeds=(0,))
    image = diagnosis["runs"][0]["soft_targets"][0]
    for at in image["temperatures"]:
        for who in ("teacher", "student"):
            at[who] = [0.004] * 50
    image["true"] = 49
    image["temperatures"][0]["teacher"][7] = image["temperatures"][0]["student"][30] = 0.8
    label = next(alt for alt in Page(page_of(diagnosis)).alts if alt.startswith("c0: "))
    names = [part.partition(":")[0] for part in label.split("; ")]
    assert len(names) == 12
    assert {"c7", "c30", "c49"} < set(names)
    assert names[-1] == "others"
    assert label.endswith(f"others: teacher {1 - 10 * 0.004 - 0.8:.1%}, student {1 - 10 * 0.004 - 0.8:.1%}")


@pytest.mark.parametrize(
    ("role", "teacher", "title"),
    [
        ("teacher", None, "Teacher small"),
        ("alone", None, "Student small (baseline)"),
        ("distilled", "(none)", "Student small by kd"),
    ],
)
def test_what_has_no_teacher_is_not_compared(role, teacher, title):
    diagnosis = made_up("abc", role=role, teacher=teacher, seeds=(None,))
    page = Page(page_of(diagnosis, METRICS | {"parameters": None}))
    assert title in page.text
    assert "cnn, loss: " in page.text
    assert "Your file: " in page.text
    for word in (
        "KL, test",
        "Agreement",
        "Gain",
        "gain",
        "CKA",
        "difference to the baseline",
        "Changed predictions",
    ):
        assert word not in page.text
    assert any(re.match(r"a: [\d.]+%; b: ", alt) for alt in page.alts)


def test_a_teacher_without_test_logits_has_nothing_to_show():
    page = Page(page_of(made_up("abc", role="teacher", seeds=())))
    assert "There are no test logits of this teacher" in page.text
    assert "table" not in page.tags


def pixels_of(address):
    with Image.open(io.BytesIO(base64.b64decode(address.partition(",")[2]))) as image:
        return np.asarray(image)


def test_pictures_are_the_raw_images_that_are_named(tmp_path):
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (60, 8, 6, 3), dtype=np.uint8)
    diagnosis = made_up("abc", seeds=(0,))
    shards = Shards(tmp_path, Packing(tmp_path, "key", 1000).pack("test", images, np.arange(len(images))))
    for source in (torch.from_numpy(images), shards):
        drawn = pictures(diagnosis, source)
        indices = {
            image["index"] for kind in ("worst", "soft_targets") for image in diagnosis["runs"][0][kind]
        } | {image["index"] for kind in ("corrected", "broken") for image in diagnosis["changes"][kind]}
        assert set(drawn) == indices
        for number, address in drawn.items():
            assert np.array_equal(pixels_of(address), images[number])


def test_large_pictures_are_made_smaller_and_grey_ones_stay_grey():
    grey = np.arange(256 * 200, dtype=np.uint32).reshape(256, 200, 1).astype(np.uint8)
    assert pixels_of(picture(grey)).shape == (128, 100)
    assert np.array_equal(pixels_of(picture(grey[:8, :8])), grey[:8, :8, 0])
    assert np.array_equal(pixels_of(picture(np.repeat(grey[:8, :8], 2, axis=2))), grey[:8, :8, 0])
