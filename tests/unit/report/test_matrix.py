"""The table of a paper: which is best and second, and its forms in Markdown, LaTeX and CSV."""

import csv
import io
import re

import pytest
from fake_results import study_of
from fake_runs import fake_pairs, fake_run

from kd.report.study.forms import drawn, texts
from kd.report.study.matrix import Matrix, matrix_of
from kd.report.study.pairs import pairs_of
from kd.results.published.columns import with_published

NAN = float("nan")


def matrix(folder, runs):
    study, table = study_of(folder, runs)
    return matrix_of(pairs_of(table, study))


@pytest.fixture
def several(tmp_path):
    """Three methods by two teachers; dkd is not run with the second."""
    runs = fake_pairs(
        [[2.0, 2.2], [1.0, 1.2]],
        [[3.0, 3.2], [0.5, 0.7]],
        [[2.5, 2.7], [0.1, 0.3]],
        seeds=2,
        methods=("kd", "at", "dkd"),
    )
    return matrix(tmp_path, [run for run in runs if (run["method"], run["teacher"]) != ("dkd", "t1")])


def test_methods_are_rows_and_pairs_columns_below_the_teacher_and_the_baseline(several):
    assert several.columns == ["t0 → cnn", "t1 → cnn"]
    assert list(several.over) == ["teacher", "baseline"]
    assert {name: list(values) for name, values in several.rows.items()} == {
        "kd": ["t0 → cnn", "t1 → cnn"],
        "at": ["t0 → cnn", "t1 → cnn"],
        "dkd": ["t0 → cnn"],
    }
    assert [several.rank(name, "t0 → cnn") for name in ("at", "dkd", "kd")] == [1, 2, 0]
    assert [several.rank(name, "t1 → cnn") for name in ("kd", "at", "dkd")] == [1, 2, 0]
    assert several.rank("teacher", "t0 → cnn") == 0  # it is not compared
    html = drawn(several)
    assert "<b>83.10</b> (sd 0.14)" in html
    assert "<u>82.60</u> (sd 0.14)" in html
    assert re.findall(r"<td>(?:95.00|–)</td>", html) == ["<td>95.00</td>"] * 2 + ["<td>–</td>"]


def test_one_method_has_teachers_as_rows_and_students_as_columns(tmp_path):
    one = matrix(tmp_path, fake_pairs([[2.0], [1.0]], seeds=1))
    assert one.columns == ["cnn"]
    assert list(one.rows) == ["t0 (95.00)", "t1 (95.00)"]
    assert one.over == {"baseline": {"cnn": (80.0, pytest.approx(NAN, nan_ok=True))}}


def test_a_method_without_a_teacher_stands_beside_all_that_have_one(tmp_path):
    runs = [
        *fake_pairs([[2.0], [1.0]], seeds=1),
        fake_run("distilled", "cnn", teacher="(none)", method="tfkd"),
    ]
    assert list(matrix(tmp_path, runs).rows["tfkd"]) == ["t0 → cnn", "t1 → cnn"]
    runs = [run for run in runs if run["role"] != "distilled"] + [runs[-1]]
    alone = matrix(tmp_path / "alone", runs)
    assert (alone.columns, list(alone.rows)) == (["cnn"], ["(no teacher)"])


def test_equal_means_share_a_place_and_a_single_one_has_none():
    values = {"a": {"x": (80.001, 1.0)}, "b": {"x": (79.999, 1.0)}, "c": {"x": (70.0, 1.0)}}
    tied = Matrix("", ["x"], values)
    assert [tied.rank(name, "x") for name in "abc"] == [1, 1, 2]
    assert Matrix("", ["x"], {"a": values["a"]}).rank("a", "x") == 0


def test_the_forms_to_copy(several):
    forms = texts(several)
    assert list(forms) == ["Markdown", "LaTeX", "CSV"]
    markdown = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in forms["Markdown"].splitlines()
    ]
    assert markdown[0] == ["method", "t0 → cnn", "t1 → cnn"]
    assert markdown[5][1:] == ["**83.10** (sd 0.14)", "<u>80.60</u> (sd 0.14)"]
    latex = forms["LaTeX"].splitlines()
    assert latex[:4] == [
        r"\begin{tabular}{lcc}",
        r"\toprule",
        r"method & t0 $\rightarrow$ cnn & t1 $\rightarrow$ cnn \\",
        r"\midrule",
    ]
    assert r"at & \textbf{83.10} (sd 0.14) & \underline{80.60} (sd 0.14) \\" in latex
    assert r"dkd & \underline{82.60} (sd 0.14) & -- \\" in latex
    rows = list(csv.reader(io.StringIO(forms["CSV"])))
    assert rows[0] == ["method", "t0 → cnn, mean", "t0 → cnn, sd", "t1 → cnn, mean", "t1 → cnn, sd"]
    assert rows[-1] == ["dkd", "82.6000", "0.1414", "", ""]


def test_no_name_breaks_a_line_of_latex():
    forms = texts(Matrix("a_b", ["c&d%"], {"e#{}\\": {"c&d%": (1.0, NAN)}}))
    assert r"a\_b & c\&d\% \\" in forms["LaTeX"]
    assert r"e\#\{\}\textbackslash{} & 1.00 \\" in forms["LaTeX"]


def test_without_distilled_students_there_is_none():
    assert matrix_of([]) is None


def test_published_accuracies_stand_below_ours_and_are_not_ranked(tmp_path):
    """Of the teacher, a baseline and a method, in all forms."""
    study, table = study_of(tmp_path, fake_pairs([[2.0, 2.2]], [[1.0, 1.2]], seeds=2, methods=("kd", "at")))
    row = {"source": "A paper", "teacher": "", "method": ""}
    cells = [
        row | {"role": "teacher", "name": "t0", "accuracy": 94.5},
        row | {"role": "student alone", "name": "cnn", "accuracy": 79.5},
        row | {"role": "distilled student", "name": "cnn", "teacher": "t0", "method": "kd", "accuracy": 99.5},
    ]
    several = matrix_of(pairs_of(with_published(table, cells), study))
    forms = texts(several)
    names = ["teacher", "teacher, published", "baseline", "baseline, published"]
    names += ["kd", "kd, published", "at"]
    assert list(several.lines) == names
    latex = forms["LaTeX"].splitlines()
    assert [line for line in latex if "published" in line] == [
        r"teacher, published & 94.50 \\",
        r"baseline, published & 79.50 \\",
        r"kd, published & 99.50 \\",
    ]
    assert latex[latex.index(r"baseline, published & 79.50 \\") + 1] == r"\midrule"
    kd = next(line for line in latex if line.startswith("kd &"))
    assert r"\textbf{82.10}" in kd  # the best of ours
    lines = list(csv.reader(io.StringIO(forms["CSV"])))
    assert ["kd, published", "99.5000", ""] in lines
    assert "| kd, published" in forms["Markdown"]
    assert "kd, published</th><td>99.50</td>" in drawn(several)
