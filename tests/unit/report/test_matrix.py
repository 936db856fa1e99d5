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


def with_theirs(tmp_path, cells):
    """A teacher of 95, a baseline of 80 twice, students by kd of 82.0 and 82.2 and by at of 81.0 and 81.2."""
    study, table = study_of(tmp_path, fake_pairs([[2.0, 2.2]], [[1.0, 1.2]], seeds=2, methods=("kd", "at")))
    row = {"source": "A paper", "teacher": "", "method": ""}
    return matrix_of(pairs_of(with_published(table, [row | cell for cell in cells]), study))


def by(method, accuracy):
    return {
        "role": "distilled student",
        "name": "cnn",
        "teacher": "t0",
        "method": method,
        "accuracy": accuracy,
    }


TEACHER = {"role": "teacher", "name": "t0", "accuracy": 94.5}
BASELINE = {"role": "student alone", "name": "cnn", "accuracy": 79.5}


def test_published_accuracies_stand_below_ours_and_are_not_ranked(tmp_path):
    """Of the teacher, a baseline and two methods, in all forms.

    Of two runs that are d apart the 95 % interval is ± t·d/2, with t = 12.7062 for one degree of freedom (a
    table of Student's t): 12.7062 · 0.1 = 1.2706 around 82.1 and 81.1, and 0 around 80. So that of `at` holds
    82, which is 0.9 away, and neither of the others holds the published one.
    """
    several = with_theirs(tmp_path, [TEACHER, BASELINE, by("kd", 99.5), by("at", 82.0)])
    forms = texts(several)
    latex = forms["LaTeX"].splitlines()
    theirs = [
        r"teacher, published & 94.50 \\",
        r"teacher, difference to published & +0.50 \\",
        r"baseline, published & 79.50 \\",
        r"baseline, difference to published & +0.50 $\pm$ 0.00 \\",
        r"kd, published & 99.50 \\",
        r"kd, difference to published & $-$17.40 $\pm$ 1.27 \\",
        r"at, published & 82.00 \\",
        r"at, difference to published & $-$0.90 $\pm$ 1.27 \dag \\",
    ]
    assert [line for line in latex if ", " in line and "&" in line] == theirs
    assert [place for place, line in enumerate(latex) if line == r"\midrule"] == [3, 10]
    assert latex[10 - 1] == theirs[3]
    kd = next(line for line in latex if line.startswith("kd &"))
    assert r"\textbf{82.10}" in kd  # the best of ours
    lines = list(csv.reader(io.StringIO(forms["CSV"])))
    assert lines[-5:] == [
        ["at", "81.1000", "0.1414"],
        ["at, published", "82.0000", ""],
        ["at, difference to published", "-0.9000", ""],
        ["at, half-width of the 95 % interval", "1.2706", ""],
        ["at, published within our interval", "yes", ""],
    ]
    assert ["kd, published within our interval", "no", ""] in lines
    assert ["teacher, half-width of the 95 % interval", "", ""] in lines  # it has one run
    markdown = [line.split("|")[1:-1] for line in forms["Markdown"].splitlines() if "|" in line]
    rows = {name.strip(): cell.strip() for name, cell in markdown}
    assert rows["kd, difference to published"] == "−17.40 ± 1.27"
    assert rows["baseline, difference to published"] == "+0.50 ± 0.00"
    assert rows["at, difference to published"] == "−0.90 ± 1.27 †"
    html = drawn(several)
    assert "kd, published</th><td>99.50</td>" in html
    assert "at, difference to published</th><td>−0.90 ± 1.27 †</td>" in html


def test_what_the_mark_means_is_below_the_table(tmp_path):
    forms = texts(with_theirs(tmp_path, [by("kd", 82.0)]))
    *table, empty, note = forms["Markdown"].splitlines()
    assert (empty, table[-1].startswith("|")) == ("", True)
    assert note.endswith("†: that interval holds the published accuracy.")
    *table, note = forms["LaTeX"].splitlines()
    assert table[-1] == r"\end{tabular}"
    assert note.startswith(
        r"\par{\footnotesize Difference to published: our mean minus the published accuracy"
    )
    assert note.endswith(r"\dag: that interval holds the published accuracy.\par}")
    assert r"$\pm$ the half-width of the 95 \% confidence interval" in note


def test_a_form_in_latex_is_plain_and_every_row_has_all_columns(tmp_path):
    """Signs of LaTeX's own are commands or escaped, braces and dollars are closed, and the rest is ASCII."""
    several = with_theirs(tmp_path, [TEACHER, BASELINE, by("kd", 99.5)])
    several.columns.append("a_b → c")  # where nothing is published
    latex = texts(several)["LaTeX"]
    assert latex.isascii()
    rows = [line for line in latex.splitlines() if line.endswith(r" \\")]
    assert len(rows) == 1 + 4 + 3 + 1 + 2
    assert {row.count(" & ") for row in rows} == {2}
    for line in latex.splitlines():
        assert line.count("{") == line.count("}"), line
        assert line.count("$") % 2 == 0, line
        assert not re.search(r"(?<!\\)[%#_^]", line), line
    assert r"baseline, difference to published & +0.50 $\pm$ 0.00 & -- \\" in rows


def test_without_published_accuracies_there_is_nothing_of_them(several):
    assert not any("published" in form or "†" in form or "dag" in form for form in texts(several).values())
