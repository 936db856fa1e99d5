"""The exported students of a study: the most accurate one, and how to use it."""

from pathlib import Path

from kd.config.study import NO_TEACHER
from kd.errors import UserError
from kd.plan.layout import EXPORTED, Layout
from kd.results.table_csv import read_table
from kd.roles import DISTILLED_STUDENT, WITHOUT_TEACHER

PREDICT = "python workflow/scripts/predict.py"


def best_student(folder: Path) -> tuple[str, float]:
    """The folder of the export of the student with the highest test accuracy, and that, in per cent.

    `folder` is that of a finished study; of students that are equal the first in its table. Raises UserError
    where its table is missing, or has no distilled student.
    """
    path = folder / "table.csv"
    if not path.is_file():
        raise UserError(f"no file {path}, which says which student is best; run the study first")
    table = read_table(path)
    students = table[(table["role"] == DISTILLED_STUDENT) & table["test_accuracy"].notna()]
    if students.empty:
        raise UserError(f"{path}: has no distilled student")
    best = students.loc[students["test_accuracy"].idxmax()]
    teacher = NO_TEACHER if best["teacher"] == WITHOUT_TEACHER else best["teacher"]
    export = Layout(folder.name).export(teacher, best["name"], best["method"])
    return str(export), float(best["test_accuracy"])


def card_of(export: str) -> str:
    """The file of an exported student by which Snakemake is asked for it."""
    return f"{export}/{EXPORTED['card']}"


def closing_lines(folder: Path) -> list[str]:
    """How many students of a study are exported, which is the most accurate, and how to predict with it."""
    cards = sorted((folder / "export").glob(f"*/*/*/{EXPORTED['card']}"))
    if not cards:
        raise UserError(f"{folder}/export: no student is exported")
    lines = [f"{_count(len(cards))} in {folder}/export/"]
    use = str(cards[0].parent)
    try:
        best, accuracy = best_student(folder)
        if Path(card_of(best)).is_file():
            use = best
            lines.append(f"Most accurate  {best} ({accuracy:.2f} % test accuracy)")
    except UserError:
        pass  # the study itself is not finished
    return [*lines, f"Predict        {PREDICT} {use} image.png"]


def _count(students: int) -> str:
    return "1 exported student" if students == 1 else f"{students} exported students"
