"""The figures of a study by the names of their files, each with its title and caption."""

from collections.abc import Callable, Mapping
from typing import Any

import pandas as pd

from kd.plots import gain, heat_map, teacher_gain
from kd.plots.cost import accuracy_cost, costs
from kd.plots.curves import learning, losses
from kd.plots.saving import Plot


def figures_of(
    table: pd.DataFrame, runs: pd.DataFrame, curves: pd.DataFrame, latency: Mapping[str, Any]
) -> dict[str, Plot]:
    """All figures of a study.

    `table` is that of the study, `runs` its single runs (kd.plots.seeds), `curves` their histories
    (kd.plots.curves.history), `latency` what its latency.json holds.
    """

    def plot(module: Any, draw: Callable[..., Any], *data: Any, title: str | None = None) -> Plot:
        return Plot(title or module.TITLE, module.caption(data[0]), lambda width: draw(*data, width=width))

    def against(what: str, cost: costs.Cost) -> Plot:
        draw = accuracy_cost.draw_accuracy
        return Plot(f"Accuracy against {what}", accuracy_cost.caption(cost), lambda width: draw(cost, width))

    return {
        "accuracy_parameters": against("parameters", costs.parameters(table)),
        "accuracy_latency": against("latency", costs.latency(table, latency)),
        "accuracy_size": against("file size", costs.file_size(table, runs)),
        "gain": plot(gain, gain.draw_gain, table, runs),
        "heat_map": plot(heat_map, heat_map.draw_heat_map, table),
        "teacher_gain": plot(teacher_gain, teacher_gain.draw_teacher_gain, table, runs),
        "learning_curves": plot(learning, learning.draw_learning_curves, curves),
        "loss_curves": plot(losses, losses.draw_losses, curves, title=losses.title(curves)),
    }
