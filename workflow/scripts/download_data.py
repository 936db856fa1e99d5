"""Downloads one file of a data set."""

import json
from pathlib import Path

from kd.io.download import download


def main(url: str, sha256: str, output: Path) -> None:
    """Download `url`, whose checksum is `sha256`, to `output`; UserError when that cannot be done."""
    download(url, output, sha256)


if __name__ == "__main__":
    from kd.runtime.script import run

    run(
        snakemake.log[0],
        main,
        url=f"{snakemake.config['mirror']}/{snakemake.wildcards.file}",
        sha256=json.loads(snakemake.params.cfg)["sha256"],
        output=Path(snakemake.output[0]),
    )
