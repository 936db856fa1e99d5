"""Print the target by which Snakemake exports the most accurate student of a finished study."""

import sys

from kd.commands.exports import best_export
from kd.commands.line import on_command_line, study_parser
from kd.commands.studies import folder_of


def main(study: str) -> None:
    """Print results/<study>/export/.../README.md."""
    print(best_export(folder_of(study)))


if __name__ == "__main__":
    sys.exit(on_command_line(main, study_parser(__doc__)))
