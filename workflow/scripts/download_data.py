"""Downloads one file of a data set."""

from pathlib import Path

from kd.io.download import download


def main(url: str, sha256: str, output: Path) -> None:
    """Download `url`, whose checksum is `sha256`, to `output`; UserError when that cannot be done."""
    download(url, output, sha256)


if __name__ == "__main__":
    from kd.runtime.script import run

    url = f"{snakemake.config['mirror']}/{snakemake.wildcards.file}"
    run(snakemake, main, url=url, output=Path(snakemake.output[0]))
