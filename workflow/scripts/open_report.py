"""Open the report of a study in the browser; where there is none, print its path."""

import os
import sys
import webbrowser
from pathlib import Path

from kd.commands.line import on_command_line, study_parser
from kd.commands.studies import folder_of
from kd.errors import UserError

WINDOWS = ("DISPLAY", "WAYLAND_DISPLAY", "WSL_DISTRO_NAME", "BROWSER")  # set where Linux can show one


def main(study: str) -> None:
    """Print the path of the report, and show it where that can be; UserError if there is no report."""
    report = folder_of(study) / "report.html"
    if not report.is_file():
        raise UserError(f"no file {report}; run the study first: make run{f' STUDY={study}' * bool(study)}")
    print(f"Report: {report.resolve()}", flush=True)
    if not show(report):
        print("No browser can be started here. Open this file in one.")


def show(page: Path) -> bool:
    """Whether a browser with a window was started; one in the terminal would take that over."""
    if sys.platform == "linux" and not any(map(os.environ.get, WINDOWS)):
        return False
    try:
        return webbrowser.open(page.resolve().as_uri())
    except (webbrowser.Error, OSError):
        return False


if __name__ == "__main__":
    sys.exit(on_command_line(main, study_parser(__doc__)))
