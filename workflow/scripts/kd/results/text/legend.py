"""What the columns of a study's table mean, in lines below it."""

import pandas as pd

from kd.results.format import DASH
from kd.results.published import text as published

SELECTED = (
    "last: weights of the last epoch (all columns but one); selected: weights of the epoch that did best on "
    "the validation split."
)
LAST = (
    "No validation split: all training images train, and all measures are of the weights of the last epoch."
)
_LEGEND = (
    "Accuracy, agreement (share of test images on which student and teacher predict the same class) and "
    "ECE (expected calibration error) are in per cent; losses are cross-entropies in nats.",
    "Measures are means over the seeds; sd: sample standard deviation over the seeds.",
    "Gain: test accuracy of the distilled student minus that of its baseline, the same student trained with "
    "the same seed and without a teacher, in percentage points. Brackets: 95 % confidence interval "
    "(Student's t). ▲ and ▼ mark gains whose interval excludes 0 (above, below).",
    "Average over pairs: gains are first averaged over the teachers of each student and seed, because these "
    "share one baseline; the interval is over these n averages.",
    "{weights} The test set was not used for any choice.",
    "MACs: multiply-accumulate operations for one image. Time: of one run, evaluation included. "
    f"{DASH}: does not apply. A single seed has no sd and no interval.",
)
DIFFERENCE = (
    "Difference to best: the mean over the students and seeds that both have, in percentage points, with its"
    " 95 % interval, uncorrected. Significant: with the correction."
)


def selects(table: pd.DataFrame) -> bool:
    """Whether there was a validation split, by which an epoch was selected."""
    return bool(table["selected_test_accuracy"].notna().any())


def legend(table: pd.DataFrame) -> list[str]:
    """What the columns of the table mean."""
    weights = SELECTED if selects(table) else LAST
    return [sentence.replace("{weights}", weights) for sentence in _LEGEND] + published.legend(table)
