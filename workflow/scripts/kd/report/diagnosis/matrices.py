"""The matrices of a diagnosis: which classes are confused, and which feature maps are alike."""

from collections.abc import Sequence

from markupsafe import Markup

from kd.report.diagnosis.pictures import confusion_picture
from kd.report.html import headings, row, table, tag
from kd.results.format import number

WHOLE = 20  # classes of which the confusion matrix is a table, and not a picture
PICTURE = '<img class="matrix" src="{}" alt="{}">'
CAPTION = "Confusion matrix: rows are the true classes, columns the predicted ones"


def confusion_matrix(confusion: Sequence[Sequence[int]] | None, classes: Sequence[str], run: str) -> Markup:
    """Of the run of this name; empty where it was not kept."""
    if not confusion:
        return Markup("")
    if len(classes) > WHOLE:
        return Markup(PICTURE).format(confusion_picture(confusion), CAPTION)
    upright = "long" if max(map(len, classes)) > 4 else None
    columns = headings(["true", *(tag("span", name, class_=upright) for name in classes)])
    rows = [row(classes[true], _counts(counts, true)) for true, counts in enumerate(confusion)]
    return table(f"Confusion matrix, {run}", columns, rows, kind="square")


def _counts(counts: Sequence[int], true: int) -> list[Markup]:
    """How often each class was predicted as each other; by the root, so that rare mistakes are seen."""
    return [
        _shaded(str(count), (count / sum(counts)) ** 0.5, "hit" if predicted == true else "miss")
        if count
        else tag("td", "0", class_="quiet")
        for predicted, count in enumerate(counts)
    ]


def cka_table(values: Sequence[Sequence[float | None]], run: str) -> Markup:
    """Of the run of this name; `values` are (maps of the teacher, maps of the student)."""
    columns = headings(["teacher", *(f"map {place}" for place in range(1, len(values[0]) + 1))])
    rows = [
        row(f"map {place}", [_shaded(number(value), value or 0, "hit") for value in similarities])
        for place, similarities in enumerate(values, 1)
    ]
    return table(f"Similarity of feature maps, {run}", columns, rows, kind="square")


def _shaded(text: str, share: float, colour: str) -> Markup:
    """Never so dark that the number is not seen."""
    return tag("td", text, style=f"background: rgb(var(--{colour}) / {0.5 * share:.3f})")
