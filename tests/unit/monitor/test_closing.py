"""What Snakemake ends with: the result of a study, exported students, or how many failed."""

from pathlib import Path

import pytest

from kd.monitor.status import Job, Rule, Study
from kd.monitor.terminal.closing import Ending
from kd.results.table_csv import COLUMNS

DONE = Study("tiny", "done", 100.0, 553.0, 553.0, {"train_teacher": Rule(130, 130)}, (), (), {})
MADE = {"build_report": ["results/tiny/report.html"]}
FOLDER = Path("results/tiny")


def row(role, name="", teacher="", method="", **values):
    cells = {"role": role, "name": name, "teacher": teacher, "method": method, "parameters": 1442} | values
    return ",".join(str(cells.get(column, "")) for column in COLUMNS)


def finish(*rows):
    FOLDER.mkdir(parents=True, exist_ok=True)
    (FOLDER / "report.html").touch()
    (FOLDER / "table.csv").write_text("\n".join([",".join(COLUMNS), *rows]) + "\n")


ROWS = (
    row("student alone", "cnn", test_accuracy=91.881),
    row("distilled student", "cnn", "vgg16", "kd", test_accuracy=93.97),
    row("distilled student", "cnn", "resnet18", "kd", test_accuracy=92.0),
    row("mean over pairs", method="kd", gain=2.153, gain_ci95=1.166),
)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_a_study_ends_with_its_result_in_five_lines():
    finish(*ROWS)
    Path("Makefile").touch()
    options = ("--configfile", "my study.yaml")
    assert Ending(FOLDER, DONE, MADE, options).lines() == [
        'Study "tiny" is complete: 130 jobs in 7:33.',
        "  Mean gain of kd: +2.15 percentage points of test accuracy, 95 % CI [0.99, 3.32]",
        "  Most accurate distilled student: vgg16 -> cnn, kd, 93.97 % (baseline 91.88 %, 1,442 parameters)",
        "  Report   results/tiny/report.html   open it: make open STUDY=tiny",
        "  Export   snakemake export --configfile 'my study.yaml'",
    ]


def test_so_it_does_where_nothing_was_to_be_done():
    finish(*ROWS)
    lines = Ending(FOLDER, None, MADE).lines()
    assert lines[0] == 'Study "tiny" is complete.'
    assert lines[3:] == ["  Report   results/tiny/report.html", "  Export   snakemake export"]
    assert Ending(FOLDER, None, {"train_teacher": ["x"]}).lines() == []


def test_of_several_methods_the_best_is_named_and_one_seed_has_no_interval():
    finish(
        row("mean over pairs", method="at", gain=-27.5),
        row("mean over pairs", method="kd", gain=-0.25),
        row("distilled student", "cnn", "(none)", "tfkd", test_accuracy=50.0),
    )
    assert Ending(FOLDER, DONE, MADE).lines()[1:3] == [
        "  Mean gain of kd: −0.25 percentage points of test accuracy, one seed, no interval,"
        " the highest of 2 methods",
        "  Most accurate distilled student: cnn, tfkd, 50.00 % (1,442 parameters)",
    ]


@pytest.mark.parametrize("table", ["", "nonsense\n1\n", ",".join(COLUMNS) + "\n"])
def test_a_table_that_says_nothing_does_not_hide_the_report(table):
    finish()
    (FOLDER / "table.csv").write_text(table)
    lines = Ending(FOLDER, DONE, MADE).lines()
    assert [line.split()[0] for line in lines] == ["Study", "Report", "Export"]


def test_a_part_of_a_study_ends_with_its_jobs_alone():
    finish(*ROWS)
    assert Ending(FOLDER, DONE, {"train_teacher": ["x"]}).lines() == ["Done: 130 jobs in 7:33."]


def test_an_export_ends_with_the_most_accurate_student_and_how_to_use_it():
    finish(*ROWS)
    cards = [FOLDER / f"export/{teacher}/cnn/kd/README.md" for teacher in ("resnet18", "vgg16")]
    for card in cards:
        card.parent.mkdir(parents=True)
        card.touch()
    files = [str(file) for card in cards for file in (card.with_name("model.onnx"), card)]
    predict = "  Predict  python workflow/scripts/predict.py results/tiny/export/{}/cnn/kd image.png"
    assert Ending(FOLDER, None, {"export_student": files}, best_card=str(cards[1])).lines() == [
        "  Exported results/tiny/export, 2 students",
        predict.format("vgg16"),
    ]
    assert Ending(FOLDER, None, {"export_student": files[:2]}, best_card=str(cards[1])).lines() == [
        "  Exported results/tiny/export/resnet18/cnn/kd",
        predict.format("resnet18"),
    ]
    both = Ending(FOLDER, DONE, MADE | {"export_student": files}).lines()
    assert [line.split()[0] for line in both] == ["Study", "Mean", "Most", "Report", "Exported", "Predict"]
    assert Ending(FOLDER, None, {"export_student": ["missing/README.md"]}).lines() == []


def test_of_many_failed_jobs_few_are_shown():
    failed = tuple(Job("train_teacher", f"t{number}", f"{number}.log") for number in range(8))
    study = Study("tiny", "failed", 0.0, 9.0, 9.0, {"train_teacher": Rule(8)}, (), failed, {})
    lines = Ending(FOLDER, study, MADE, reasons={"0.log": "killed"}).lines()
    assert lines[0] == "8 of 8 jobs failed after 0:09; 0 are done:"
    assert lines[1:4] == ["  train_teacher  t0", "    killed", "    log: 0.log"]
    assert lines[-2:] == [
        "  and 3 more; all: make watch STUDY=tiny",
        "Finished jobs are kept. To continue, run the same command.",
    ]
    assert len(lines) == 1 + 5 * 3 + 2
