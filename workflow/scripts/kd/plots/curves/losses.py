"""Training and validation loss by epoch: where the one falls and the other rises, a network overfits.

Without a validation split it is the training loss alone.
"""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

from kd.plots.curves.history import MOST, most_accurate, networks_of
from kd.plots.style import BASELINE, DISTILLED, NARROW, WIDTH, message, styled
from kd.roles import DISTILLED as DISTILLED_RUN

_ABOVE, _PANEL, _BELOW = 0.6, 1.35, 0.5  # inches: of the legend, of a panel and its title, of the label
_LINES = {
    "loss": {"label": "training loss", "color": BASELINE, "ls": "-"},
    "validation_loss": {"label": "validation loss", "color": DISTILLED, "ls": (0, (4, 1.5))},
}


def title(curves: pd.DataFrame) -> str:
    """What the figure is called."""
    return "Training loss" if curves["validation_loss"].isna().all() else "Training and validation loss"


def caption(curves: pd.DataFrame) -> str:
    """At most 30 words, made for this study."""
    groups = networks_of(curves)
    text = "Mean losses by epoch on a logarithmic scale; bands: all runs."
    if curves["validation_loss"].isna().all():
        text = f"No validation split. {text}"
    if (curves["role"] == DISTILLED_RUN).any():
        text += " The training loss of distilled students includes the distillation term."
    return text + (f" The {MOST} most accurate of {len(groups)}." if len(groups) > MOST else "")


@styled
def draw_losses(curves: pd.DataFrame, width: float = WIDTH) -> Figure:
    """A panel for each teacher, baseline, and student and method; `curves` is what `gather` returns.

    Lines are means over seeds (and over the teachers of a student), bands the range from lowest to highest.
    """
    groups = most_accurate(networks_of(curves))
    if not groups or curves[list(_LINES)].isna().all(axis=None):
        return message("no losses are recorded", width)
    columns = min(2 if width <= NARROW else 3, len(groups))
    lines = -(-len(groups) // columns)
    height = _ABOVE + _PANEL * lines + _BELOW
    figure = Figure(figsize=(width, height))
    # By hand: of so many panels a constrained layout takes seconds.
    edges = {
        "left": 0.72 / width,
        "right": 1 - 0.08 / width,
        "top": 1 - _ABOVE / height,
        "bottom": _BELOW / height,
    }
    axes = figure.subplots(
        lines, columns, squeeze=False, gridspec_kw=edges | {"wspace": 0.32, "hspace": 0.55}
    ).ravel()
    for ax, (title, group) in zip(axes, groups.items(), strict=False):
        _draw_panel(ax, group)
        ax.set_title(title, loc="left", fontsize=8.5)
    for ax in axes[len(groups) :]:
        ax.set_visible(False)
    figure.supxlabel("epoch", fontsize="medium")
    figure.supylabel("loss (nats)", fontsize="medium")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="upper left", ncols=2)
    return figure


def _draw_panel(ax: Axes, group: pd.DataFrame) -> None:
    for measure, style in _LINES.items():
        if group[measure].isna().all():
            continue
        positive = group[group[measure] > 0]  # a logarithm has no place for others
        by_epoch = positive.groupby("epoch")[measure]
        mean = by_epoch.mean()
        ax.plot(mean.index, mean, lw=1.4, marker="o" if len(mean) == 1 else "", **style)
        if positive["seed"].nunique() > 1 or positive["teacher"].nunique() > 1:
            ax.fill_between(
                mean.index, by_epoch.min(), by_epoch.max(), color=style["color"], alpha=0.18, lw=0
            )
    ax.set_yscale("log")
    low, high = ax.get_ylim()
    ax.yaxis.set_major_locator(LogLocator(10, subs=(1,) if high / low > 30 else (1, 2, 5)))
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    ax.yaxis.set_minor_locator(NullLocator())
    ax.xaxis.set_major_locator(MaxNLocator(4, integer=True, min_n_ticks=1))
    ax.tick_params(labelsize=8)
    ax.grid()
