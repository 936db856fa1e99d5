"""Downloads one file of a data set."""

from pathlib import Path

from kd.io.web.download import download


def main(url: str, sha256: str, output: Path, size: int | None = None) -> None:
    """Download `url`, of this checksum and `size` in bytes, to `output`; UserError where that cannot be."""
    download(url, output, sha256, size=size)


if __name__ == "__main__":
    from kd.runtime.script import run

    url = f"{snakemake.config['mirror']}/{snakemake.wildcards.file}"
    size = snakemake.config["sizes"].get(snakemake.wildcards.file)
    run(snakemake, main, url=url, output=Path(snakemake.output[0]), size=size)
