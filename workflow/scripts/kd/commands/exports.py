"""The most accurate student of a study, by the file that its export makes."""

from pathlib import Path

from kd.config.study.networks import NO_TEACHER
from kd.errors import UserError
from kd.plan.layout import EXPORTED, Layout
from kd.results.table_csv import read_table
from kd.roles import DISTILLED_STUDENT, WITHOUT_TEACHER


def best_export(folder: Path) -> str:
    """The model card that the export of the distilled student with the highest test accuracy makes.

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
    return Layout(folder.name).export(teacher, best["name"], best["method"]).file(EXPORTED["card"])
