"""The histories of all runs, as the curves over epochs are drawn from them."""

from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from kd.io.files import not_whole
from kd.plots.style import short
from kd.results.metrics import Metrics
from kd.roles import ALONE, DISTILLED, TEACHER

MEASURES = ["train_accuracy", "validation_accuracy", "loss", "validation_loss"]  # in per cent; in nats
BY_VALIDATION = {"validation_accuracy", "validation_loss"}  # not there without a validation split
MOST = 24  # small panels; of more those of the runs that end with the highest accuracies


def read_epochs(path: Path) -> pd.DataFrame:
    """The epochs of a history.csv; UserError naming it if it is not whole."""
    try:
        history = pd.read_csv(path)
        needed = [name for name in MEASURES if name not in BY_VALIDATION or BY_VALIDATION & {*history}]
        return history[["epoch", *needed]]
    except (OSError, ValueError, KeyError) as error:  # a ValueError is what pandas' own are
        raise not_whole(path, error) from error


def gather(runs: Iterable[Metrics], histories: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """All histories as one frame, each line of which says which run it is of.

    `runs` and `histories` are in the same order; ValueError if they are not equally many.
    """
    keys = {"role", "name", "teacher", "method", "seed"}
    parts = [
        history.reindex(columns=["epoch", *MEASURES]).assign(**run.model_dump(include=keys))
        for run, history in zip(runs, histories, strict=True)
    ]
    return pd.concat(parts, ignore_index=True)


def accuracy_of(curves: pd.DataFrame) -> str:
    """The accuracy that is compared: on the validation split, or without one on the training images."""
    return "validation_accuracy" if curves["validation_accuracy"].notna().any() else "train_accuracy"


def networks_of(curves: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """The curves of each teacher, baseline, and student and method, by the title of their panel."""
    groups = {}
    for role, columns, title in (
        (TEACHER, ["name"], "{} (teacher)"),
        (ALONE, ["name"], "{} (baseline)"),
        (DISTILLED, ["name", "method"], "{}, {}"),
    ):
        for names, group in curves[curves["role"] == role].groupby(columns, sort=False):
            groups[title.format(*(short(name, 10) for name in names))] = group
    return groups


def most_accurate(groups: dict[str, pd.DataFrame], most: int = MOST) -> dict[str, pd.DataFrame]:
    """Of too many groups those that end with the highest mean accuracy, in their order (see accuracy_of)."""
    ends, measure = {}, accuracy_of(pd.concat(groups.values())) if groups else ""
    for title, group in groups.items():
        last = group[group["epoch"] == group["epoch"].max()]
        ends[title] = last[measure].mean()
    chosen = sorted(groups, key=lambda title: -ends[title])[:most]
    return {title: group for title, group in groups.items() if title in chosen}
