"""The table of a paper: methods × pairs, or, for one method, teachers × students; and as text to copy."""

import csv
import io
import math
import re
from dataclasses import dataclass, field

from markupsafe import Markup

from kd.report.html import headings, row, table, tag
from kd.report.study.pairs import Pair
from kd.results.format import DASH, with_sd
from kd.results.markdown import plain
from kd.results.markdown import table as markdown_table

WITHOUT = "(no teacher)"
Value = tuple[float, float]  # mean and standard deviation of the accuracy


@dataclass(frozen=True)
class Matrix:
    """Accuracies by the names of rows and columns.

    `over` are rows that are not compared: what students start from.
    """

    corner: str
    columns: list[str]
    rows: dict[str, dict[str, Value]]
    over: dict[str, dict[str, Value]] = field(default_factory=dict)

    def rank(self, name: str, column: str) -> int:
        """1 for the best of a column, 2 for the second; 0 for others, and without a comparison."""
        values = sorted({round(of[column][0], 2) for of in self.rows.values() if column in of}, reverse=True)
        several = sum(column in of for of in self.rows.values()) > 1
        if not several or column not in self.rows.get(name, {}):
            return 0
        place = values.index(round(self.rows[name][column][0], 2))
        return place + 1 if place < 2 else 0


def matrix_of(pairs: list[Pair]) -> Matrix | None:
    """Rows and columns are in the order of `pairs`; None without distilled students."""
    if not pairs:
        return None
    return _of_methods(pairs) if pairs[0].several_methods else _of_teachers(pairs)


def _of_methods(pairs: list[Pair]) -> Matrix:
    """A column for each pair, and above the methods the teacher's and the baseline's accuracy."""
    taught = [(pair.student, pair.teacher) for pair in pairs if pair.teacher]
    columns = {both: f"{both[1]} → {both[0]}" for both in taught}
    alone = [pair.student for pair in pairs if pair.student not in dict(taught)]
    columns |= {(student, ""): student for student in alone}
    rows: dict[str, dict[str, Value]] = {}
    teacher, baseline = {}, {}
    for pair in pairs:
        # A student that needs no teacher stands beside all that have one.
        both = (pair.student, pair.teacher)
        fits = [both] if both in columns else [place for place in columns if place[0] == pair.student]
        for place in fits:
            rows.setdefault(pair.method, {})[columns[place]] = (pair.accuracy, pair.sd)
            baseline[columns[place]] = (pair.baseline, pair.baseline_sd)
            if pair.teacher:
                teacher[columns[place]] = (pair.teacher_accuracy, math.nan)
    over = {"teacher": teacher, "baseline": baseline}
    return Matrix("method", list(columns.values()), rows, {name: line for name, line in over.items() if line})


def _of_teachers(pairs: list[Pair]) -> Matrix:
    students = list(dict.fromkeys(pair.student for pair in pairs))
    rows: dict[str, dict[str, Value]] = {}
    for pair in sorted(pairs, key=lambda pair: -pair.teacher_accuracy):
        known = not math.isnan(pair.teacher_accuracy)
        name = f"{pair.teacher or WITHOUT}{f' ({pair.teacher_accuracy:.2f})' if known else ''}"
        rows.setdefault(name, {})[pair.student] = (pair.accuracy, pair.sd)
    baseline = {pair.student: (pair.baseline, pair.baseline_sd) for pair in pairs}
    return Matrix("teacher (accuracy)", students, rows, {"baseline": baseline})


def drawn(matrix: Matrix) -> Markup:
    """The table, best bold and second underlined."""
    rows = {
        name: list(map(Markup, cells)) for name, cells in _cells(matrix, "<b>{}</b>", "<u>{}</u>").items()
    }
    lines = [row(name, [tag("td", cell) for cell in cells]) for name, cells in rows.items()]
    over = len(matrix.over)
    columns = headings([matrix.corner, *matrix.columns])
    return table("Accuracy by method and pair", columns, lines[:over], lines[over:], kind="matrix")


def _cells(matrix: Matrix, best: str, second: str) -> dict[str, list[str]]:
    """The texts of each row, with the mean of the best and of the second put in these."""
    wraps = {0: "{}", 1: best, 2: second}
    return {
        name: [_text(values.get(column), wraps[matrix.rank(name, column)]) for column in matrix.columns]
        for name, values in (matrix.over | matrix.rows).items()
    }


def _text(value: Value | None, wrap: str) -> str:
    if value is None or math.isnan(value[0]):
        return DASH
    mean, spread = with_sd(*value).partition(" ")[::2]
    return f"{wrap.format(mean)} {spread}".strip()


def texts(matrix: Matrix) -> dict[str, str]:
    """The table in Markdown, LaTeX (booktabs) and CSV, by these names."""
    return {"Markdown": _markdown(matrix), "LaTeX": _latex(matrix), "CSV": _csv(matrix)}


def _markdown(matrix: Matrix) -> str:
    rows = [[plain(name), *cells] for name, cells in _cells(matrix, "**{}**", "<u>{}</u>").items()]
    return markdown_table([[plain(text) for text in (matrix.corner, *matrix.columns)], *rows]) + "\n"


def _latex(matrix: Matrix) -> str:
    lines = [r"\begin{tabular}{l" + "c" * len(matrix.columns) + "}", r"\toprule"]
    lines += [_row_of_latex([matrix.corner, *matrix.columns]), r"\midrule"]
    rows = _cells(matrix, r"\textbf{{{}}}", r"\underline{{{}}}")
    for place, (name, cells) in enumerate(rows.items(), start=1):
        lines.append(" & ".join([_for_latex(name), *cells]).replace(DASH, "--") + r" \\")
        if place == len(matrix.over):
            lines.append(r"\midrule")
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}"]) + "\n"


def _row_of_latex(names: list[str]) -> str:
    return " & ".join(map(_for_latex, names)) + r" \\"


def _for_latex(text: str) -> str:
    signs = {
        "→": r"$\rightarrow$",
        "\\": r"\textbackslash{}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
    }
    return re.sub(r"[&%$#_{}~^\\→]", lambda found: signs.get(found[0], "\\" + found[0]), text)


def _csv(matrix: Matrix) -> str:
    """Numbers in columns of their own: mean and standard deviation."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    both = [f"{column}, {what}" for column in matrix.columns for what in ("mean", "sd")]
    writer.writerow([matrix.corner, *both])
    for name, values in (matrix.over | matrix.rows).items():
        pairs = [values.get(column, (math.nan, math.nan)) for column in matrix.columns]
        writer.writerow(
            [name, *("" if math.isnan(number) else f"{number:.4f}" for pair in pairs for number in pair)]
        )
    return out.getvalue()
