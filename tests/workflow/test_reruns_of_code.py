"""After a change of code exactly the jobs that use it run again: read from Snakemake's own plan."""

import pytest
from checkout import diagnosed
from reruns import ALL_DISTILLED, BOTH, DIAGNOSES, LATENCY, PAGE, PAGES, REPORT, SCRIPTS


def test_the_engine_reruns_every_training(finished):
    finished.edit(f"{SCRIPTS}/kd/training/engine.py", "100 * means.pop", "100.0 * means.pop")
    assert finished.pending() == {
        "train_teacher": {"vgg16", "mobilenet"},
        "cache_targets": {f"{teacher} {seed} 2" for teacher in ("vgg16", "mobilenet") for seed in (0, 1)},
        "train_baseline": {"cnn 0", "cnn 1"},
        "distill_student": ALL_DISTILLED,
        **diagnosed("vgg16, mobilenet", "cnn", BOTH),
        **REPORT,
    }


def test_a_model_file_reruns_just_what_uses_it(finished):
    finished.edit(f"{SCRIPTS}/kd/models/vgg.py", "ceil_mode=True", "ceil_mode=bool(1)")
    assert finished.pending() == {
        "train_teacher": {"vgg16"},
        "cache_targets": {"vgg16 0 2", "vgg16 1 2"},
        "distill_student": {"vgg16 cnn kd 0", "vgg16 cnn kd 1"},
        **diagnosed(teachers="vgg16", students="vgg16 cnn kd"),
        **LATENCY,
        **REPORT,
    }


def test_the_students_model_file_reruns_the_students(finished):
    file = finished.folder / SCRIPTS / "kd" / "models" / "cnn.py"
    file.write_text(file.read_text() + "\n\n_EDITED = True\n")
    assert finished.pending() == {
        "train_baseline": {"cnn 0", "cnn 1"},
        "distill_student": ALL_DISTILLED,
        **diagnosed(alone="cnn"),
        **DIAGNOSES,
        **LATENCY,
        **REPORT,
    }


def test_a_method_file_reruns_the_students_of_that_method(finished):
    finished.edit(f"{SCRIPTS}/kd/methods/kd.py", "temperature**2", "temperature * temperature")
    assert finished.pending() == {"distill_student": ALL_DISTILLED, **DIAGNOSES, **REPORT}


def test_a_new_architecture_or_method_file_reruns_nothing(finished):
    models, methods = (finished.folder / SCRIPTS / "kd" / folder for folder in ("models", "methods"))
    (models / "mine.py").write_text("def mine(in_channels: int, num_classes: int): ...\n")
    (methods / "mine.py").write_text("class Method:\n    NEEDS = ()\n")
    assert finished.pending() == {}


def test_the_plot_script_reruns_just_the_plots(finished):
    file = finished.folder / SCRIPTS / "draw_plots.py"
    file.write_text(file.read_text() + "\n\n_EDITED = True\n")
    assert finished.pending() == {"draw_plots": {""}, "build_report": {""}}


def test_how_the_table_is_written_reruns_the_table_and_what_reads_it(finished):
    finished.edit(f"{SCRIPTS}/kd/results/table_csv.py", '"%.8g"', '"%.9g"')
    assert finished.pending() == REPORT


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        (f"{SCRIPTS}/kd/report/study/page.html.jinja", "<main>", '<main data-edited="1">'),
        pytest.param(f"{SCRIPTS}/kd/report/study/report.css", "h3 {", "h3  {", marks=pytest.mark.full),
        pytest.param(
            f"{SCRIPTS}/kd/report/study/report.js", "const turn", "let turn", marks=pytest.mark.full
        ),
        pytest.param("workflow/report/gain.rst", "Gain of", "The gain of", marks=pytest.mark.full),
    ],
)
def test_what_the_page_is_made_of_reruns_the_page_alone(finished, file, old, new):
    finished.edit(file, old, new)
    assert finished.pending() == PAGE


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("drawings.py", "BAR = 204, 10", "BAR = 204, 11"),
        pytest.param("page.html.jinja", "<main>", '<main data-edited="1">', marks=pytest.mark.full),
        pytest.param("../base.html.jinja", "<body>", '<body data-edited="1">', marks=pytest.mark.full),
        pytest.param("page.css", "h3 {", "h3  {", marks=pytest.mark.full),
    ],
)
def test_how_diagnoses_look_reruns_pages_alone(finished, file, old, new):
    finished.edit(f"{SCRIPTS}/kd/report/diagnosis/{file}", old, new)
    assert finished.pending() == PAGES


def test_how_all_pages_look_reruns_all_pages(finished):
    finished.edit(f"{SCRIPTS}/kd/report/style.py", "h2 {", "h2  {")
    assert finished.pending() == PAGES
