"""The section `published:` of a config: accuracies by others, each of a row of the table."""

import pytest
import yaml
from checkout import ROOT
from small_config import complaints, config

from kd.config.kept.resolved import resolved
from kd.config.load import load_study
from kd.config.reference.matched import cells_of
from kd.config.study.warnings import warnings

TABLE = {
    "source": "A paper",
    "teachers": {"resnet18": 95},
    "baselines": {"cnn": 80.5},
    "methods": {"kd": {"resnet18": {"cnn": 82.25}}, "tfkd": {"cnn": 81}},
}
METHODS = {"kd": {}, "tfkd": {}}


def test_every_cell_is_of_a_row():
    study = load_study(config(methods=METHODS, published=TABLE))
    rows = [(*cell.row, cell.accuracy, cell.source) for cell in study.published]
    assert rows == [
        ("teacher", "resnet18", "", "", 95, "A paper"),
        ("student alone", "cnn", "", "", 80.5, "A paper"),
        ("distilled student", "cnn", "resnet18", "kd", 82.25, "A paper"),
        ("distilled student", "cnn", "_none", "tfkd", 81, "A paper"),
    ]
    assert cells_of(study)[3] == {
        "role": "distilled student",
        "name": "cnn",
        "teacher": "(none)",  # as the table has it
        "method": "tfkd",
        "accuracy": 81,
        "source": "A paper",
    }
    assert warnings(study) == []


def test_a_list_of_tables_and_of_files():
    tables = [{"source": "One", "teachers": {"vgg16": 93}}, {"source": "Two", "baselines": {"cnn": 80}}]
    study = load_study(config(published=tables))
    assert [(cell.name, cell.source) for cell in study.published] == [("vgg16", "One"), ("cnn", "Two")]
    again = resolved(study, config(published=tables))["published"]
    assert again == [
        {"source": "One", "teachers": {"vgg16": 93.0}},
        {"source": "Two", "baselines": {"cnn": 80.0}},
    ]
    assert load_study(config(published=again)).published == study.published


def test_of_a_file_the_cells_of_the_study_are_taken_and_the_rest_is_said():
    changes = {
        "teachers": {"resnet56": None},
        "students": {"resnet20": None},
        "methods": {"kd": {}, "other": {"method": "dkd"}},
        "published": "crd",
    }
    study = load_study(config(**changes))
    assert [(cell.name, cell.teacher, cell.accuracy) for cell in study.published] == [
        ("resnet56", "", 72.34),
        ("resnet20", "", 69.06),
        ("resnet20", "resnet56", 70.66),
    ]
    (line,) = warnings(study)
    whole = study.unmatched + 3
    expected = f"{study.unmatched} of {whole} accuracies are of networks, pairs or methods not run here"
    assert line == f"published: {expected}"


def test_a_pair_that_is_not_run_has_no_row():
    changes = {"pairs": {"vgg16": "cnn"}, "methods": METHODS}
    study = load_study(config(**changes, published=TABLE))
    assert [cell.method for cell in study.published] == ["", "", "tfkd"]
    assert study.unmatched == 1


@pytest.mark.parametrize(
    ("published", "line"),
    [
        ({"teachers": {"vgg16": 1}}, "published.source: this key is required"),
        (
            {"source": "x", "teachers": {"vgg61": 1}},
            "published.teachers.vgg61: 'vgg61' is not in teachers; did you mean 'vgg16'?; allowed: resnet18, vgg16",
        ),
        (
            [{"source": "x", "baselines": {"cn": 1}}],
            "published.0.baselines.cn: 'cn' is not in students; did you mean 'cnn'?; allowed: cnn",
        ),
        (
            {"source": "x", "methods": {"kdd": {"vgg16": {"cnn": 1}, "resnet18": {"cnn": 1}}}},
            "published.methods.kdd: 'kdd' is not in methods; did you mean 'kd'?; allowed: kd, tfkd",
        ),
        (
            {"source": "x", "methods": {"kd": {"vgg": {"cnn": 1}}}},
            "published.methods.kd.vgg: 'vgg' is not in teachers; did you mean 'vgg16'?",
        ),
        (
            {"source": "x", "methods": {"kd": {"vgg16": {"cn": 1}}}},
            "published.methods.kd.vgg16.cn: 'cn' is not in students; did you mean 'cnn'?",
        ),
        (
            {"source": "x", "methods": {"kd": {"cnn": 1}}},
            "published.methods.kd: has a teacher; write kd: {teacher: {student: accuracy}}",
        ),
        (
            {"source": "x", "methods": {"tfkd": {"vgg16": {"cnn": 1}}}},
            "published.methods.tfkd: has no teacher; write tfkd: {student: accuracy}",
        ),
        (
            {"source": "x", "baselines": {"cnn": 101}},
            "published.baselines.cnn: should be 0 to 100, in per cent (it is 101)",
        ),
        (
            {"source": "x", "baselines": {"cnn": True}},
            "published.baselines.cnn: should be a number, not true or false (it is True)",
        ),
        (
            {"source": "x", "methods": {"kd": {"vgg16": {"cnn": "high"}}}},
            "published.methods.kd.vgg16.cnn: should be a valid number",
        ),
        ({"source": "x", "students": {"cnn": 1}}, "published.students: unknown key; allowed: baselines, "),
        (
            [{"source": "x", "baselines": {"cnn": 1}}, {"source": "y", "baselines": {"cnn": 2}}],
            "published.1.baselines.cnn: baselines.cnn is there twice (x; y); leave one out",
        ),
        (
            "cdr",
            "published: there is no file 'cdr' in config/published/; did you mean 'crd'?; allowed: crd, ",
        ),
        (3, "published: should be a mapping of keys to values (it is 3)"),
    ],
)
def test_a_mistake_has_one_line(published, line):
    (text,) = complaints(methods=METHODS, published=published)
    assert text.startswith(line), text


@pytest.mark.parametrize(
    "path", sorted((ROOT / "config/published").glob("*.yaml")), ids=lambda path: path.stem
)
def test_every_cell_of_a_file_is_one_of_the_study_of_its_name(path):
    study = load_study(yaml.safe_load((ROOT / "config" / path.name).read_text()))
    assert (study.unmatched, study.published != ()) == (0, True)
