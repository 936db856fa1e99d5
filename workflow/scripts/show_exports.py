"""Print where the exported students of a study are, and the command that predicts with the most accurate."""

import sys

from kd.commands.exports import closing_lines
from kd.commands.line import on_command_line, study_parser
from kd.commands.studies import folder_of


def main(study: str) -> None:
    """Print the lines."""
    print("\n".join(closing_lines(folder_of(study))))


if __name__ == "__main__":
    sys.exit(on_command_line(main, study_parser(__doc__)))
