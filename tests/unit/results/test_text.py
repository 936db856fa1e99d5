"""The table as Markdown: how numbers read, and that no name can break the page."""

import json
import math
import re

import pandas as pd
import pytest
from fake_results import CARD
from fake_runs import fake_run, fake_study

import build_table
from kd.results import format as cells
from kd.results.data_card import data_lines
from kd.results.markdown import plain
from kd.results.metrics import Metrics
from kd.results.page import headlines, to_markdown
from kd.results.table import summarise
from kd.results.table_csv import read_table
from kd.results.text.provenance import provenance

EVIL = '<script>alert("1")</script>|*x*'
NAN = math.nan
MINUS = "\N{MINUS SIGN}"


def page_of(runs, study="cifar10", card=None):
    return to_markdown(summarise(runs), study, [Metrics(**run) for run in runs], card)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0, "0.0 s"),
        (12.34, "12.3 s"),
        (59.94, "59.9 s"),
        (59.96, "1 min 00 s"),
        (245, "4 min 05 s"),
        (3599.4, "59 min 59 s"),
        (3599.6, "1 h 00 min"),
        (7980, "2 h 13 min"),
        (360000, "100 h 00 min"),
        (NAN, "–"),
    ],
)
def test_duration(seconds, text):
    assert cells.duration(seconds) == text


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [
        (11_173_962, 4, "11.17 M"),
        (556_651_530, 3, "557 M"),
        (1_529_488_394, 3, "1.53 G"),
        (999_999, 4, "1.000 M"),
        (1000, 3, "1.00 k"),
        (999, 4, "999"),
        (10**15, 3, "1.00 P"),
        (pd.NA, 4, "–"),
    ],
)
def test_quantity(value, digits, text):
    assert cells.quantity(value, digits) == text


def test_a_deviation_stands_in_parentheses_and_an_interval_in_brackets():
    assert cells.with_sd(94.789, 0.123) == "94.79 (sd 0.12)"
    assert cells.with_sd(94.789, NAN) == "94.79"
    assert cells.with_interval(3.301, 2.461) == "+3.30 [0.84, 5.76]"
    assert cells.with_interval(-1.231, 2.0, 1) == f"{MINUS}1.2 [{MINUS}3.2, 0.8]"
    assert cells.with_interval(1.231, NAN) == "+1.23"
    assert cells.with_interval(-0.001, 0.002) == "+0.00 [0.00, 0.00]"  # no zero has a minus
    assert cells.number(-0.001) == "0.00"
    assert cells.interval(1.231, NAN) == "–"
    assert cells.with_sd(NAN, NAN) == cells.with_interval(NAN, NAN) == "–"


@pytest.mark.parametrize(
    ("value", "text"),
    [(770, "770"), (1442, "1,442"), (999_999, "999,999"), (11_173_962, "11.17 M"), (pd.NA, "–"), (NAN, "–")],
)
def test_parameters_are_counted_in_full_below_a_million(value, text):
    assert cells.count(value) == text


def test_only_what_could_be_a_link_is_escaped():
    assert plain("+3.30 [0.84, 5.76] points") == "+3.30 [0.84, 5.76] points"
    assert plain(f"[{MINUS}1.20, 0.30](x)") == f"\\[{MINUS}1.20, 0.30\\](x)"
    assert plain("[a, b]") == "\\[a, b\\]"


@pytest.mark.parametrize(
    ("gain", "half_width", "mark"),
    [(1.0, 0.9, "▲"), (1.0, 1.1, ""), (-1.0, 0.9, "▼"), (1.0, 1.0, ""), (1.0, NAN, ""), (NAN, NAN, "")],
)
def test_verdict_marks_intervals_without_zero(gain, half_width, mark):
    assert cells.verdict(gain, half_width) == mark


def test_markdown_has_equal_columns_in_every_line_of_a_table():
    markdown = page_of(fake_study(teachers=2))
    for block in markdown.split("\n\n"):
        if block.startswith("|"):
            assert len({line.count("|") for line in block.splitlines()}) == 1
            assert len({len(line) for line in block.splitlines()}) == 1  # padded


def test_many_methods_are_summed_up_in_one_sentence():
    methods = tuple(f"method{number}" for number in range(9))
    table = summarise(fake_study(teachers=2, methods=methods))
    gains = table.loc[table["role"] == "mean over pairs", "gain"]
    ends = [f"{gain:+.2f}".replace("-", "\N{MINUS SIGN}") for gain in (gains.min(), gains.max())]
    (line,) = headlines(table)
    assert line.startswith(
        f"9 methods, ranked below: average gains from {ends[0]} to {ends[1]} percentage points"
    )
    assert len(headlines(summarise(fake_study(teachers=2, methods=methods[:8])))) == 8


def test_methods_stand_in_a_table_of_their_own_with_their_difference_to_the_best():
    """dkd gains 3 more than kd in each of three seeds."""
    runs = fake_study(teachers=1, students=1, methods=("kd", "dkd"))
    kd = {run["seed"]: run["test_accuracy"] for run in runs if run["method"] == "kd"}
    runs = [run | {"test_accuracy": kd[run["seed"]] + 3} if run["method"] == "dkd" else run for run in runs]
    table = page_of(runs).split("## Methods, ranked")[1].split("\n\n")[3].splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in table]
    assert cells[0] == [
        *("method", "average gain", "difference to best", "significant", "pairs", "n (student × seed)")
    ]
    assert cells[2][::2] == ["dkd", "–", "1"]
    assert cells[3][2:4] == [f"{MINUS}3.00 [{MINUS}3.00, {MINUS}3.00]", "yes"]
    assert cells[3][4:] == ["1", "3"]


@pytest.mark.parametrize("seeds", [1, 3])
def test_pages_of_the_smallest_study(seeds):
    page = page_of(fake_study(teachers=1, students=1, seeds=seeds, epochs=1))
    assert not re.search(r"\bnan\b|<NA>|None", page)


def test_pages_of_a_study_without_distillation_or_teachers():
    for runs in ([fake_run()], [fake_run("alone", "cnn")]):
        markdown = page_of(runs)
        assert not headlines(summarise(runs))
        assert markdown.startswith("# Knowledge distillation: cifar10\n\n| role")


def test_names_cannot_break_a_page():
    alone = fake_run("alone", EVIL, loss_function=EVIL, device=EVIL, commit=EVIL)
    distilled = fake_run("distilled", EVIL, teacher=EVIL, method=EVIL, versions={EVIL: EVIL})
    runs = [fake_run("teacher", EVIL, loss_function=EVIL), alone, distilled]
    plain = page_of([fake_run(), fake_run("alone", "cnn"), fake_run("distilled", "cnn")])
    markdown = page_of(runs, study=EVIL)
    assert "<script" not in markdown.replace("\\<script", "")
    bars = [line.replace("\\|", "").count("|") for line in markdown.splitlines()]
    assert bars == [line.count("|") for line in plain.splitlines()]


def test_the_card_of_endless_views():
    lines = data_lines(CARD | {"area": (0.08, 1.0), "flip": True, "views": "endless"})
    assert "augmentation: crops of 8% to 100% of the area, resized, mirrored or not: endless views" in lines


def test_the_card_of_augmented_images():
    more = {"pad_mode": "reflect", "colour_jitter": (0.4, 0.4, 0.4, 0), "randaugment": (2, 9), "erase": 0.25}
    more |= {"mixup": 0.2, "cutmix": 1.0, "views": 16}
    lines = data_lines(CARD | {"flip": "alternate", "views": 16, "augmentation": more})
    assert (
        "augmentation: crops after padding by 2 (reflected), mirrored in every other epoch, colour jitter"
        " 0.4/0.4/0.4/0, RandAugment (operations: 2, magnitude: 9), a rectangle erased in 25%, mixup 0.2,"
        " CutMix 1: 16 versions of each image"
    ) in lines


def test_the_card_of_the_data():
    markdown = page_of(fake_study(teachers=2), card=CARD)
    lines = [
        "data set: mine",
        "images: train 4,500 / validation 500 / test 1,200",
        "images per class: train 2,000 to 2,500 / validation 250 / test 1 to 1,199",
        "size: 28 × 30 pixels, grey",
        "classes: 2 (labels 0 to 1): ant, bee",
        "augmentation: crops after padding by 2, never mirrored: 25 views",
        "mean and deviation: 0.1307 and 0.3081, of pixels from 0 to 1",
        "published: 0.1307 and 0.3081, of the whole training split; ours differ by 0.0001 at most",
        "source: https://example.org/mine",
        "licence: unknown: nobody knows",
        "paper: Somebody 2020",
        f"SHA-256 of the arrays: {'ab' * 32}",
    ]
    section = markdown.split("## Data\n\n")[1].split("## Provenance")[0]
    assert (
        section
        == "\n".join(f"- {line}" for line in lines) + "\n\n![images of each class](data/samples.png)\n\n"
    )


def test_of_many_classes_some_are_named():
    many = [f"class{number}" for number in range(200)]
    counts = {part: dict.fromkeys(many, 5) for part in ("train", "validation", "test")}
    card = {**CARD, "classes": many, "images_per_class": counts, "paper": None, "published": None}
    markdown = page_of(fake_study(teachers=2), card=card)
    assert "- classes: 200 (labels 0 to 199): class0, class1," in markdown
    assert "class19 and 180 more\n" in markdown
    assert "class20" not in markdown
    assert "- images per class: train 5 / validation 5 / test 5\n" in markdown
    assert "paper" not in markdown
    assert "published" not in markdown


def test_names_of_classes_cannot_break_a_page():
    markdown = page_of(fake_study(teachers=2), card={**CARD, "classes": [EVIL, "*bee*"], "licence": EVIL})
    assert "<script" not in markdown.replace("\\<script", "")


@pytest.mark.parametrize("mark", ["\x1b[31m", "\x00", "\x9b", "\u202e", "\u200b", "\ufeff"])
def test_names_cannot_write_on_a_terminal_or_turn_a_line(mark):
    runs = [fake_run(), fake_run("alone", f"c{mark}nn"), fake_run("distilled", f"c{mark}nn")]
    markdown = page_of(runs, study=f"a{mark}b", card={**CARD, "classes": [f"c{mark}t", "do\ng"]})
    assert mark[0] not in markdown
    assert f"c{mark[1:]}t, do g" in markdown.replace("\\", "")


def test_gains_beyond_chance_are_marked_by_a_sign():
    runs = []
    for seed, gain in enumerate((-2.0, -2.1, -1.9)):
        runs.append(fake_run("alone", "cnn", seed, test_accuracy=80.0))
        runs.append(fake_run("distilled", "cnn", seed, test_accuracy=80.0 + gain))
    markdown = page_of(runs)
    # s = 0.1, so the half-width is 4.3027 · 0.1 / √3 = 0.25.
    assert f"▼ {MINUS}2.00 [{MINUS}2.25, {MINUS}1.75]" in markdown
    assert "±" not in markdown


def test_provenance_lists_every_device_version_and_commit():
    runs = [fake_run(seed=0), fake_run(seed=1, device="CPU", commit="abc", versions={"torch": "2.9.0"})]
    assert provenance([Metrics(**run) for run in runs]) == {
        "runs": "2",
        "devices": "CPU, NVIDIA H100",
        "versions": "python 3.12.8, torch 2.9.0, torch 2.9.1",
        "commits": "0123456789abcdef0123456789abcdef01234567, abc",
    }


def test_runs_by_several_processes_are_told_from_those_by_one():
    ways = [{"device": "cuda", "precision": "bf16"} | ranks for ranks in ({"ranks": 4}, {})]
    facts = provenance([Metrics(**fake_run(seed=seed), compute=way) for seed, way in enumerate(ways)])
    assert facts["computed on"] == "cuda, bf16; cuda, bf16, 4 processes"
    assert "differ in device, precision or number of processes (1 on cuda, bf16; 1 on" in facts["warning"]


def test_runs_that_were_computed_in_different_ways_are_named_in_one_line():
    """So that nobody takes the difference for that of their methods."""
    here, there = {"device": "cpu", "precision": "float32"}, {"device": "cuda", "precision": "bf16"}
    ways = (here, there, there, None)
    runs = [Metrics(**fake_run(seed=seed), compute=way) for seed, way in enumerate(ways)]
    facts = provenance(runs)
    assert facts["computed on"] == "cpu, float32; cuda, bf16"
    differ = "runs of this table differ in device or precision (1 on cpu, float32; 2 on cuda, bf16)"
    assert facts["warning"] == f"{differ}, which moves results too"
    assert f"- warning: {differ}" in page_of([run.model_dump() for run in runs])
    assert "warning" not in provenance(runs[1:])
    assert provenance(runs[1:])["computed on"] == "cuda, bf16"


def test_networks_whose_precision_was_chosen_by_network_are_compared_without_a_warning():
    ways = [{"device": "cpu", "precision": precision} for precision in ("float32", "bf16")]
    networks = ("mobilenet", "resnet18")
    runs = [Metrics(**fake_run(name=name), compute=way) for name, way in zip(networks, ways, strict=True)]
    assert provenance(runs)["computed on"] == "cpu, bf16; cpu, float32"
    assert "warning" not in provenance(runs)
    again = Metrics(**fake_run(name="mobilenet", seed=1), compute=ways[1])
    assert (
        "differ in device or precision (2 on cpu, bf16; 1 on cpu, float32)"
        in provenance([*runs, again])["warning"]
    )


def test_script_writes_the_same_bytes_twice_and_a_csv_that_reads_back(tmp_path):
    runs = fake_study(teachers=2)
    metrics = [tmp_path / f"{number}/0/metrics.json" for number in range(len(runs))]
    for path, run in zip(metrics, runs, strict=True):
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps(run), encoding="utf-8")
    data = tmp_path / "summary.json"
    data.write_text(json.dumps(CARD), encoding="utf-8")
    folders = (tmp_path / "first", tmp_path / "second")
    for folder in folders:
        build_table.main(metrics, [], data, csv=folder / "t.csv", markdown=folder / "t.md", study="cifar10")
    first, second = ({path.name: path.read_bytes() for path in folder.iterdir()} for folder in folders)
    assert first == second
    assert set(first) == {"t.csv", "t.md"}
    read = read_table(folders[0] / "t.csv")
    pd.testing.assert_frame_equal(read, summarise(runs), rtol=1e-6)


def test_without_a_validation_split_the_table_says_so_and_selects_nothing():
    unknown = ("validation_loss", "validation_accuracy", "selected_epoch")
    unknown += ("selected_validation_accuracy", "selected_test_accuracy")
    runs = [run | dict.fromkeys(unknown) for run in fake_study(teachers=2)]
    markdown = page_of(runs)
    head = next(line for line in markdown.splitlines() if line.startswith("| role"))
    columns = [cell.strip() for cell in head.strip("|").split("|")]
    assert [name for name in columns if "selected" in name or "validation" in name] == []
    assert columns[4:7] == ["test accuracy, last", "gain", "agreement"]
    said = "- No validation split: all training images train, and all measures are of the weights of the last"
    assert f"{said} epoch. The test set was not used for any choice.\n" in markdown
    assert "did best on" not in markdown
    assert "did best on" in page_of(fake_study(teachers=2))
    table = summarise(runs)
    assert table["selected_test_accuracy"].isna().all()
    assert table["gain"].notna().sum() == 5  # of two teachers' two students, and their average


def test_the_card_of_data_without_a_validation_split():
    card = CARD | {"images": {"train": 5000, "validation": 0, "test": 1200}}
    lines = data_lines(card)
    assert lines[1] == "images: train 5,000 / test 1,200; no validation split"
    assert lines[2] == "images per class: train 2,000 to 2,500 / test 1 to 1,199"


def test_more_metrics_are_in_a_table_of_their_own():
    runs = [fake_run("alone", "cnn", seed) for seed in (0, 1)]
    values = {"top5_accuracy": None, "balanced_accuracy": 90.0, "macro_f1": 80.0, "nll": 0.5}
    values |= {"temperature": 1.5, "scaled_nll": 0.25, "scaled_ece": 1.0}
    rejecting = {"rejection_threshold": 0.75, "coverage": 60.0, "accepted_accuracy": 98.5}
    metrics = [Metrics(**run) for run in runs]

    def section_of(measured):
        return to_markdown(summarise(runs, measured), "mine", metrics).split("## More metrics\n\n")[1]

    values |= rejecting
    section = section_of([values, values | {"balanced_accuracy": 92.0}])
    head, _, line = ([cell.strip() for cell in row.strip("|").split("|")] for row in section.splitlines()[:3])
    scaled = ["temperature", "NLL, scaled", "ECE, scaled"]
    accepting = ["rejection threshold", "coverage", "accuracy above it"]
    assert head[4:] == ["balanced accuracy", "macro-F1", "NLL", "ECE", *scaled, *accepting]
    assert line[:2] == ["baseline", "cnn"]
    assert line[4:] == [
        *("91.00 (sd 1.41)", "80.00 (sd 0.00)", "0.500 (sd 0.000)"),
        *("3.21", "1.50 (sd 0.00)", "0.250 (sd 0.000)", "1.00 (sd 0.00)"),
        *("0.750 (sd 0.000)", "60.00 (sd 0.00)", "98.50 (sd 0.00)"),
    ]
    assert "- Rejection threshold: the confidence" in section
    assert "- Temperature: what the logits are divided by" in section
    none = dict.fromkeys(("temperature", "scaled_nll", "scaled_ece", *rejecting))
    without = section_of([values | none] * 2)
    assert "emperature: what" not in without
    assert "scaled" not in without
    assert "ejection" not in without
    assert "## More metrics" not in page_of(runs)


def test_what_an_average_of_weights_would_be_without_it_stands_among_the_other_metrics():
    runs = [fake_run("alone", "cnn", seed) | {"unaveraged_test_accuracy": 70.0 + seed} for seed in (0, 1)]
    section = page_of(runs).split("## More metrics\n\n")[1]
    head, _, line = ([cell.strip() for cell in row.strip("|").split("|")] for row in section.splitlines()[:3])
    assert head[-1] == "test accuracy without EMA"
    assert line[-1] == "70.50"
    assert summarise(runs)["unaveraged_test_accuracy"].tolist() == [70.5]
