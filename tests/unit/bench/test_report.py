"""The gate's verdicts, what Snakemake's overhead is, and how results are written: on made-up numbers."""

import json
import os
import re

import numpy as np
import pytest
import torch
from bench import cells, dry_runs, gate, ours, small_task
from bench.answers import Compared, compare, excess
from bench.images import Pictures
from bench.overhead import summarise
from bench.report import table, write
from stored_targets import held
from tiers import sample
from torch import nn

from kd.data.sampler import views_seen
from kd.errors import UserError
from kd.teachers.teacher import CachedTeacher, LiveTeacher

pytestmark = pytest.mark.usefixtures("one_thread")
CPU = torch.device("cpu")


# --- The gate: accuracies


def test_welch_half_width_is_that_of_the_textbook():
    """Unequal variances, against SciPy's own interval."""
    from scipy import stats

    a, b = [94.1, 95.0, 95.4, 94.8, 95.9], [91.0, 96.5, 94.0]
    interval = stats.ttest_ind(a, b, equal_var=False).confidence_interval(0.95)
    assert gate.welch_half_width(a, b) == pytest.approx((interval.high - interval.low) / 2)
    assert gate.welch_half_width([95.0, 95.0], [94.0, 94.0]) == 0
    with pytest.raises(UserError, match="two seeds"):
        gate.welch_half_width([95.0], [94.0, 95.0])


@pytest.mark.parametrize(
    ("ours", "reference", "passes", "says"),
    [
        ([95.0, 96.0, 94.8, 95.9, 95.0], [95.7, 94.7, 95.3, 94.8, 94.1], True, "0.42 points"),
        ([95.0, 95.0, 95.0], [95.4, 95.4, 95.4], True, "0.50 are allowed"),
        ([95.0, 95.0, 95.0], [95.6, 95.6, 95.6], False, "0.60 points"),
        ([92.0, 94.1, 92.7, 92.2, 94.1], [95.7, 94.7, 95.3, 94.8, 94.1], False, "differ by"),  # wrong labels
        ([97.9, 97.1, 97.1, 97.7, 98.2], [95.7, 94.7, 95.3, 94.8, 94.1], False, "differ by"),  # no crops
        ([90.0, 99.0, 85.0], [95.0, 91.0, 99.0], False, "too much to tell"),
        ([10.0, 10.1, 9.9], [10.0, 10.0, 10.1], False, "not learnt"),
    ],
)
def test_accuracies_that_agree_pass_and_others_do_not(ours, reference, passes, says):
    """The first, fourth and fifth are measured ones."""
    check = gate.judge_accuracies(ours, reference)
    assert check["passed"] is passes
    assert says in check["text"]
    json.dumps(check)


def test_equal_loops_seldom_fail_and_different_ones_seldom_pass():
    random = np.random.default_rng(0)

    def passes(difference):
        pairs = random.normal(95, 0.65, (500, 2, 5)) + np.array([[difference], [0]])
        return np.mean([gate.judge_accuracies(*pair.tolist())["passed"] for pair in pairs])

    assert passes(0) > 0.99
    assert passes(3) < 0.01


def test_a_loop_that_cannot_run_fails_the_check():
    def diverge():
        raise UserError("the training loss became nan")

    check = gate._run("same accuracy", diverge)
    assert not check["passed"]
    assert check["text"] == "same accuracy: the training loss became nan"


# --- The gate: stored logits


def test_rounding_to_float16_is_allowed_to_the_bit_and_no_more():
    live = torch.tensor([[1.0, 1.0 + 2**-11, -3.0, 0.0], [1e-6, 3e-8, 2.0**-25, -1e-5]])
    assert excess(live.half().float(), live, margin=0).max() <= 1
    assert excess(live + live.abs() * 2**-10, live, margin=0)[0] > 1
    assert excess(live + 2**-12, live, margin=0)[1] > 1
    # relative to the largest logit of the sample, which is 3
    assert excess(live + torch.tensor([0, 0, 0, 0.003]), live, margin=0.001)[0] == pytest.approx(1, rel=1e-3)


class Brightness(nn.Module):
    """Logits that differ between views: the mean of every quarter."""

    def forward(self, images):
        return nn.functional.adaptive_avg_pool2d(images, 2).flatten(1)


def tiny_pictures(count=20):
    random = np.random.default_rng(0)
    pixels = random.integers(0, 256, (count, 4, 4, 1), dtype=np.uint8)
    return Pictures(pixels, random.integers(0, 4, count), 4, (0.5,), (0.3,), 1, True)


@pytest.mark.parametrize(("shift", "agree"), [(0, True), (1, False), (18, True)])
def test_a_shifted_view_is_noticed(shift, agree):
    """18 views: a shift by as many is none."""
    pictures = tiny_pictures()
    images, network = ours.load_split(pictures, CPU).images, Brightness()
    everyone = torch.arange(20)
    stored = torch.stack([network(images.take(everyone, view)) for view in range(18)]).half().numpy()
    worst = torch.zeros(20)
    teacher = Compared(CachedTeacher([held(stored)], CPU), LiveTeacher(network), worst, views=18, shift=shift)
    for epoch in range(3):
        seen = views_seen(0, epoch, 20, 18)
        teacher.start_epoch(epoch, seen)
        for part in everyone.split(7):
            teacher.output(images.take(part, torch.from_numpy(seen)[part]), part)
    assert gate.judge_stored(teacher.worst)["passed"] is agree
    assert gate.judge_shifted(teacher.worst)["passed"] is not agree
    assert ("the gate itself is broken" in gate.judge_shifted(teacher.worst)["text"]) is agree


def test_the_comparison_goes_through_the_engine_and_the_stored_table():
    """Every sample is compared: Brightness never answers exactly what float16 can hold."""
    pictures = tiny_pictures()
    settings = {"pictures": pictures, "device": CPU, "epochs": 2}
    students = [
        small_task.new_student(small_task.Task(pictures, pictures, pictures), seed) for seed in (0, 1)
    ]
    same, shifted = (compare(Brightness(), s, **settings, shift=n) for n, s in enumerate(students))
    assert ((same > 0) & (same <= 1)).all()
    assert (shifted > 1).all()


# --- Overhead


def benchmark(results, job, ended, seconds):
    path = results / "benchmarks" / f"{job}.tsv"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"s\th:m:s\tmax_rss\n{seconds}\t0:00:01\t12.5\n")
    os.utime(path, (1000 + ended, 1000 + ended))


def training(results, run, rule, ended, seconds, inside, epochs):
    benchmark(results, f"{rule}/{run.split('/', 1)[1]}", ended, seconds)
    (results / run).mkdir(parents=True)
    (results / run / "metrics.json").write_text(json.dumps({"seconds": inside}))
    lines = ["epoch,lr,seconds", *(f"{n},0.1,{value}" for n, value in enumerate(epochs, 1))]
    (results / run / "history.csv").write_text("\n".join(lines) + "\n")


def test_overhead_is_what_no_job_accounts_for(tmp_path):
    """Two slots, 20 s: prepare 1 to 3, a teacher 4 to 10 beside a student 4 to 9, another 11 to 18."""
    benchmark(tmp_path, "prepare_data", 3, 2)
    training(tmp_path, "teachers/vgg16", "train_teacher", 10, 6, 4.0, [1.0, 1.5])
    training(tmp_path, "alone/cnn/0", "train_baseline", 9, 5, 3.5, [0.5])
    training(tmp_path, "distilled/vgg16/cnn/kd/0", "distill_student", 18, 7, 6.0, [2.0, 0.5])
    summary = summarise(tmp_path, wall=20.0, slots=2)
    assert summary == pytest.approx(
        {
            "slots": 2,
            "wall": 20,
            "jobs": 4,
            "job_seconds": 20,
            "training_seconds": 5.5,
            "start_seconds": 1.5,  # of 2, 1.5 and 1
            "no_job": 5,  # 0 to 1, 3 to 4, 10 to 11, 18 to 20
            "overhead": 20,
            "overhead_per_job": 5,
            "overhead_share": 0.5,
        }
    )


def test_the_number_of_jobs_is_read_from_the_dry_run():
    text = "Job stats:\njob      count\n-----  -------\nall        1\ntotal    102\n\n"
    assert dry_runs.count_jobs(text) == 102
    with pytest.raises(UserError, match="Nothing"):
        dry_runs.count_jobs("Nothing to be done")


# --- What is written


def stat(median, spread=0.05):
    return {"median": median, "low": median * (1 - spread), "high": median * (1 + 2 * spread), "repeats": 5}


def trained(network, step, ratio, **more):
    times = {"ours_step": step, "reference_step": step * ratio, "ours_epoch": 4 * step}
    times |= {"reference_epoch": 4 * step * ratio, "ratio": ratio, "epoch_ratio": ratio * 0.97}
    row = {"network": network, "batch": 128, "images": 512, "floor_step": step / 2, "floor_share": 0.5}
    return row | {name: stat(value) for name, value in times.items()} | more


def distilled(teacher, student, ratio, ceiling):
    times = {"reference_epoch": 20, "ours_epoch": 8, "live_epoch": 16, "targets": 9, "cached_over_live": 1.9}
    row = {"teacher": teacher, "student": student, "students": 6, "batch": 64, "images": 512}
    row |= {name: stat(value) for name, value in times.items()} | {"ratio": stat(ratio)}
    return row | {"ceiling": ceiling, "share": ratio / ceiling}


MACHINE = {"processor": "A Processor", "cores": 2, "device": "A Processor", "memory": 23.4, "os": "Linux"}
STUDY = {"slots": 2, "wall": 228.0, "jobs": 87, "job_seconds": 445.0, "training_seconds": 96.0}
STUDY |= {"start_seconds": 2.3, "no_job": 6.1, "overhead": 11.0}
STUDY |= {"overhead_per_job": 0.126, "overhead_share": 0.024}
THREE = {"teacher": "resnet56", "student": "resnet20", "students": 3, "ratio": stat(1.503), "ceiling": 1.9}
RESULTS = {
    "name": "made up v1.0",
    "machine": MACHINE,
    "versions": {"torch": "2.15.0"},
    "commit": "0123456789abcdef",
    "date": "2026-01-02T03:04:05",
    "settings": {"threads": 2},
    "gate": {"passed": True, "seconds": 42.0, "checks": [{"passed": True, "text": "equal enough"}]},
    "rates": {"matmul": 84.2e9, "copy": 12.3e9, "element_bytes": 4},
    "training": [trained("resnet18", 4.19, 1.31), trained("cnn", 0.021, 3.1, tuned_ratio=stat(1.6))],
    "distillation": [distilled("resnet18", "resnet8x4", 1.74, 2.05)],
    "grid": {"teachers": [1], "students": [1, 2], "epochs": 200, "ratio": 8.123},
    "concurrency": [
        {"network": "cnn", "concurrent": 2, "images_per_second": stat(5223), "over_one": stat(1.74)}
    ],
    "methods": [
        {"method": "kd", "teacher": "stored", "step": stat(0.25), "plain": stat(0.24), "ratio": stat(1.04)},
        {"method": "at", "teacher": "live", "step": stat(0.36), "plain": stat(0.24), "ratio": stat(1.5)},
    ],
    "workflow": [
        {"what": "default study", "cores": 2, **STUDY},
        {"what": "dry run", "jobs": 9998, "quiet_lines": 54, "seconds": stat(38.0)},
    ],
    "precision": [
        {"network": "vgg16", "batch": 128, "images": 512, "steps": {"float32": stat(0.9), "bf16": stat(0.5)}}
        | {"ratios": {"bf16": stat(1.8)}}
    ],
    "study": [{"images": 12800, "cores": 2, "reference": stat(227.0), "ours": stat(151.0), **THREE}],
}
SECTIONS = (
    "gate",
    "rates",
    "training",
    "distillation",
    "methods",
    "grid",
    "concurrency",
    "workflow",
    "study",
    "precision",
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (cells.ratio({"median": 1.62, "low": 1.58, "high": 1.66}), "1.62× (1.58–1.66)"),
        (cells.ratio({"median": 12.34, "low": 9.96, "high": 13}), "12.3× (10.0–13.0)"),
        (cells.seconds({"median": 0.0213, "low": 0.02, "high": 0.03}), "21.3 ms (20.0–30.0)"),
        (cells.seconds({"median": 4.186, "low": 4, "high": 12}), "4.19 s (4.00–12.00)"),
        (cells.count({"median": 12_345.6, "low": 9e3, "high": 2e4}), "12,346 (9,000–20,000)"),
        (cells.one(0.1264), "0.126 s"),
        (cells.one(0.0), "0 s"),
        (cells.percent(0.829), "83 %"),
    ],
)
def test_numbers_read_well(text, expected):
    assert text == expected


def test_the_table_says_everything_and_its_columns_line_up():
    text = table(RESULTS)
    for part in ("A Processor, 2 cores", "2026-01-02", "passed: equal enough", "84 GFLOP/s", "12.3 GB/s"):
        assert part in text
    for part in ("4.19 s (3.98–4.61)", "1.31× (1.24–1.44)", "1.74× (1.65–1.91)", "2.05×", "85 %", "8.12"):
        assert part in text
    for part in ("5,223 (4,962–5,745)", "445 s", "9,998", "38.0 s (36.1–41.8)"):
        assert part in text
    for part in ("resnet56 → 3 resnet20", "12,800", "151 s (", "227 s (", "1.50× (1.43–1.65)", "1.90×"):
        assert part in text
    for part in ("900 ms (855–990)", "500 ms (475–550)", "1.80× (1.71–1.98)"):
        assert part in text
    for part in ("| kd     |  stored |", "1.50× (", "1.04× ("):
        assert part in text
    for block in text.split("\n\n"):
        assert len({len(line) for line in block.splitlines() if line.startswith("|")}) <= 1


def test_the_tuned_loop_has_a_column_where_it_was_measured():
    assert "1.60× (1.52–1.76)" in table(RESULTS)
    assert "tuned" not in table(RESULTS | {"training": RESULTS["training"][:1]})


@pytest.mark.parametrize("missing", sample(SECTIONS, ("training", "methods", "study")))
def test_what_was_not_measured_is_left_out(missing, tmp_path):
    some = {name: value for name, value in RESULTS.items() if name != missing}
    assert len(table(some)) < len(table(RESULTS))
    write(some, tmp_path)
    assert json.loads((tmp_path / "made up v1.0.json").read_text()) == some


def test_results_are_written_whole_and_a_plot_beside_them(tmp_path):
    write(RESULTS, tmp_path / "new", "here")
    assert {path.name for path in (tmp_path / "new").iterdir()} == {"here.json", "here.png", "here.svg"}
    text = (tmp_path / "new" / "here.json").read_text()
    assert json.loads(text) == RESULTS
    assert text.startswith('{\n "name"')


def test_without_ratios_there_is_no_plot(tmp_path):
    write({"name": "bare", "machine": MACHINE}, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["bare.json"]


def test_the_plot_shows_every_ratio(tmp_path):
    write(RESULTS, tmp_path, "here")
    drawn = (tmp_path / "here.svg").read_text()
    texts = re.findall("<!-- (.*) -->", drawn)  # letters are drawn as curves, with the text as a comment
    assert {"resnet18", "1.31×", "3.10×", "1.74× of 2.05×"} <= set(texts)
    assert "bars: median, whiskers: range; ◇ the tuned loop over ours; | ceiling by work alone" in texts
