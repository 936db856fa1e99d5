"""The table of a paper in the report, and as text to copy: Markdown, LaTeX and CSV."""

import csv
import io
import math
import re

from markupsafe import Markup

from kd.report.html import headings, row, table, tag
from kd.report.study.matrix import Matrix, Value
from kd.report.study.pairs import Published
from kd.results.format import DASH, MINUS, number, signed, with_sd
from kd.results.markdown import plain
from kd.results.markdown import table as markdown_table
from kd.results.published.text import MARK, MARKED, YES

# Rows below a row of ours, by what is added to its name.
THEIRS, DIFFERENCE = ", published", ", difference to published"
IN_LATEX = {DASH: "--", MINUS: "$-$", "±": r"$\pm$", MARK: r"\dag", "%": r"\%"}


def drawn(matrix: Matrix) -> Markup:
    """The table, best bold and second underlined."""
    head, body = (
        [row(name, [tag("td", Markup(cell)) for cell in cells]) for name, cells in lines.items()]
        for lines in _parts(matrix, "<b>{}</b>", "<u>{}</u>")
    )
    columns = headings([matrix.corner, *matrix.columns])
    return table("Accuracy by method and pair", columns, head, body, kind="matrix")


Lines = dict[str, list[str]]  # texts of the cells by the name of a row


def _parts(matrix: Matrix, best: str, second: str) -> tuple[Lines, Lines]:
    """The rows that are not compared and the others, the mean of the best and of the second put in these."""
    wraps = {0: "{}", 1: best, 2: second}

    def lines(rows: dict[str, dict[str, Value]]) -> Lines:
        filled: Lines = {}
        for name, values in rows.items():
            filled[name] = [
                _text(values.get(column), wraps[matrix.rank(name, column)]) for column in matrix.columns
            ]
            if theirs := matrix.published.get(name):
                known = [theirs.get(column, Published()) for column in matrix.columns]
                filled[name + THEIRS] = [number(value.accuracy) for value in known]
                filled[name + DIFFERENCE] = list(map(_difference, known))
        return filled

    return lines(matrix.over), lines(matrix.rows)


def _text(value: Value | None, wrap: str) -> str:
    if value is None or math.isnan(value[0]):
        return DASH
    mean, spread = with_sd(*value).partition(" ")[::2]
    return f"{wrap.format(mean)} {spread}".strip()


def _difference(theirs: Published) -> str:
    """`+0.41 ± 0.56 †`: with the half-width of our interval, and a mark if that holds the published one."""
    width = "" if math.isnan(theirs.half_width) else f" ± {number(theirs.half_width)}"
    return f"{signed(theirs.difference)}{width}{f' {MARK}' if theirs.within == YES else ''}"


def texts(matrix: Matrix) -> dict[str, str]:
    """The table in Markdown, LaTeX (booktabs) and CSV, by these names; below it what a mark means."""
    return {"Markdown": _markdown(matrix), "LaTeX": _latex(matrix), "CSV": _csv(matrix)}


def _markdown(matrix: Matrix) -> str:
    head, body = _parts(matrix, "**{}**", "<u>{}</u>")
    rows = [[plain(name), *cells] for name, cells in (head | body).items()]
    lines = markdown_table([[plain(text) for text in (matrix.corner, *matrix.columns)], *rows])
    return lines + (f"\n\n{MARKED}\n" if matrix.published else "\n")


def _latex(matrix: Matrix) -> str:
    parts = _parts(matrix, r"\textbf{{{}}}", r"\underline{{{}}}")
    lines = [r"\begin{tabular}{l" + "c" * len(matrix.columns) + "}", r"\toprule"]
    lines.append(_row_of_latex([matrix.corner, *matrix.columns]))
    for rows in filter(None, parts):
        lines.append(r"\midrule")
        lines += [
            " & ".join([_for_latex(name), *map(_cell_of_latex, cells)]) + r" \\"
            for name, cells in rows.items()
        ]
    lines += [r"\bottomrule", r"\end{tabular}"]
    lines += [rf"\par{{\footnotesize {_cell_of_latex(MARKED)}\par}}"] if matrix.published else []
    return "\n".join(lines) + "\n"


def _cell_of_latex(text: str) -> str:
    """A text of ours, whose commands stay as they are."""
    return re.sub("|".join(map(re.escape, IN_LATEX)), lambda found: IN_LATEX[found[0]], text)


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
    """Numbers in columns of their own: mean and standard deviation; what is published has rows of its own."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    both = [f"{column}, {what}" for column in matrix.columns for what in ("mean", "sd")]
    writer.writerow([matrix.corner, *both])
    for name, values in (matrix.over | matrix.rows).items():
        pairs = [values.get(column, (math.nan, math.nan)) for column in matrix.columns]
        writer.writerow([name, *(_exact(value) for pair in pairs for value in pair)])
        theirs = matrix.published.get(name, {})
        for what, field in _FIELDS.items() if theirs else ():
            known = [getattr(theirs.get(column, Published()), field) for column in matrix.columns]
            writer.writerow([name + what, *(cell for value in known for cell in (_exact(value), ""))])
    return out.getvalue()


# Rows of the CSV below a row of ours, and their fields of Published.
_FIELDS = {
    THEIRS: "accuracy",
    DIFFERENCE: "difference",
    ", half-width of the 95 % interval": "half_width",
    ", published within our interval": "within",
}


def _exact(value: float | str) -> str:
    if isinstance(value, str):
        return value
    return "" if math.isnan(value) else f"{value:.4f}"
