"""Chooses the images of a data set that is a part of a larger one, fetches them and packs them."""

from importlib import import_module
from pathlib import Path
from typing import Any

from kd.io.files import existing_folder


def main(cfg: dict[str, Any], folder: Path, work: Path, mirror: str, manner: dict[str, Any]) -> None:
    """Have the data set `cfg["name"]` write its files into `folder`; see its function gather.

    `cfg` also has the `options` that decide which images these are. `manner` are those that do not. What is
    fetched is kept in `work`, which goes on being used. Raises UserError when that cannot be done.
    """
    existing_folder(work)
    import_module(f"kd.datasets.{cfg['name']}").gather(folder, work, mirror, **cfg["options"], **manner)


if __name__ == "__main__":
    from kd.runtime.script import run

    folder = Path(snakemake.output.images).parent
    run(snakemake, main, folder=folder, work=folder.parent / "fetched")
