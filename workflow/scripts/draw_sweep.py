"""Draw the trials of a sweep, as SVG and PNG."""

from pathlib import Path

import pandas as pd

from kd.plots.saving import save
from kd.plots.sweep import draw_sweep


def main(trials: list[Path], titles: list[str], keys: list[str], logarithmic: list[str], stem: Path) -> None:
    """Write `<stem>.svg` and `<stem>.png` from the tables of trials, one of each pair, and its title.

    `keys` were swept, those in `logarithmic` over orders of magnitude. ValueError if there are not as many
    titles as tables.
    """
    nothing = dict.fromkeys(keys, "none")  # an option that is not set has an empty cell
    tables = {title: pd.read_csv(path).fillna(nothing) for title, path in zip(titles, trials, strict=True)}
    # Of values that went through several rungs the last one is the longest.
    tables = {title: table.drop_duplicates("place", keep="last") for title, table in tables.items()}
    save(draw_sweep(tables, keys, logarithmic), stem)


if __name__ == "__main__":
    from kd.runtime.script import run

    run(snakemake, main, stem=Path(snakemake.output.svg).with_suffix(""))
