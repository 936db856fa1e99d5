"""The best of what there is where two things are wanted at once: little cost, and accuracy."""

import numpy as np
import pandas as pd


def pareto_front(cost: pd.Series, accuracy: pd.Series) -> pd.DataFrame:
    """What no other equals or beats in both: columns `cost` and `accuracy`, both strictly increasing.

    A point is on the front if every other is costlier, or less accurate; of equal points one is.
    """
    points = pd.DataFrame({"cost": cost.astype(float), "accuracy": accuracy.astype(float)}).dropna()
    points = points.sort_values(["cost", "accuracy"], ascending=[True, False], ignore_index=True)
    best_before = points["accuracy"].cummax().shift(fill_value=-np.inf)
    return points[points["accuracy"] > best_before].reset_index(drop=True)
