"""Print the config of a study, or the folder of its results: what the Makefile makes of STUDY."""

import sys

from kd.commands.line import on_command_line, study_parser
from kd.commands.studies import config_of, folder_of

FIND = {"config": config_of, "folder": folder_of}


def main(what: str, study: str) -> None:
    """Print the path."""
    print(FIND[what](study))


if __name__ == "__main__":
    parser = study_parser(__doc__)
    parser.add_argument(
        "--what", choices=FIND, default="config", help="its config, or the folder of its results"
    )
    sys.exit(on_command_line(main, parser))
