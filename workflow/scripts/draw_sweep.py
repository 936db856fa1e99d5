"""Draw the trials of a sweep, as SVG (wide, and narrow for a phone) and PNG."""

from pathlib import Path

import pandas as pd

from kd.plots.saving import Plot, save_plot
from kd.plots.sweeps.trials import caption, draw_sweep


def main(trials: list[Path], titles: list[str], keys: list[str], logarithmic: list[str], stem: Path) -> None:
    """Write `<stem>.svg`, `narrow/<name>.svg` and `<stem>.png`.

    `trials` are the tables of trials, one of each pair, `titles` what their panels are called. `keys` were
    swept, those in `logarithmic` over orders of magnitude. ValueError if there are not as many titles as
    tables.
    """
    tables = {title: _read(path, keys) for title, path in zip(titles, trials, strict=True)}
    # Of values that went through several rungs the last one is the longest.
    tables = {title: table.drop_duplicates("place", keep="last") for title, table in tables.items()}
    title = f"Sweep of {stem.name}"
    save_plot(
        Plot(title, caption(tables, keys), lambda width: draw_sweep(tables, keys, logarithmic, width)), stem
    )


def _read(path: Path, keys: list[str]) -> pd.DataFrame:
    """A table of trials; a value that is not set has an empty cell there, and here the word "none"."""
    table = pd.read_csv(path)
    unset = [key for key in keys if table[key].isna().any()]
    return table.astype(dict.fromkeys(unset, object)).fillna(dict.fromkeys(unset, "none"))


if __name__ == "__main__":
    from kd.runtime.script import run

    run(snakemake, main, stem=Path(snakemake.output.svg).with_suffix(""))
