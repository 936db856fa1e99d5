"""Keep the config of a study with its results: as it was given, and with every default."""

from pathlib import Path

from kd.io.atomic import atomic


def main(given_text: str, resolved_text: str, given: Path, resolved: Path) -> None:
    """Write the two texts as UTF-8, byte for byte."""
    for path, text in ((given, given_text), (resolved, resolved_text)):
        with atomic(path) as temporary:
            temporary.write_bytes(text.encode("utf-8"))


if __name__ == "__main__":
    from kd.runtime.script import run

    run(snakemake, main)
