"""The table of a paper in the report, and as text to copy: Markdown, LaTeX and CSV."""

import csv
import io
import math
import re

from markupsafe import Markup

from kd.report.html import headings, row, table, tag
from kd.report.study.matrix import Matrix, Value
from kd.results.format import DASH, with_sd
from kd.results.markdown import plain
from kd.results.markdown import table as markdown_table


def drawn(matrix: Matrix) -> Markup:
    """The table, best bold and second underlined."""
    rows = {
        name: list(map(Markup, cells)) for name, cells in _cells(matrix, "<b>{}</b>", "<u>{}</u>").items()
    }
    lines = [row(name, [tag("td", cell) for cell in cells]) for name, cells in rows.items()]
    over = len(matrix.head)
    columns = headings([matrix.corner, *matrix.columns])
    return table("Accuracy by method and pair", columns, lines[:over], lines[over:], kind="matrix")


def _cells(matrix: Matrix, best: str, second: str) -> dict[str, list[str]]:
    """The texts of each row, with the mean of the best and of the second put in these."""
    wraps = {0: "{}", 1: best, 2: second}
    return {
        name: [_text(values.get(column), wraps[matrix.rank(name, column)]) for column in matrix.columns]
        for name, values in matrix.lines.items()
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
        if place == len(matrix.head):
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
    for name, values in matrix.lines.items():
        pairs = [values.get(column, (math.nan, math.nan)) for column in matrix.columns]
        writer.writerow(
            [name, *("" if math.isnan(number) else f"{number:.4f}" for pair in pairs for number in pair)]
        )
    return out.getvalue()
