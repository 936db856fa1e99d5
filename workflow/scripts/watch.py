"""Show on the terminal how far a study is, while Snakemake runs it here or elsewhere on the same disk."""

import argparse
import sys
import time
from contextlib import suppress
from pathlib import Path

from rich.console import Console
from rich.live import Live
from rich.text import Text

from kd.live.state import Study, read_study
from kd.live.view import View

ENDED = {"done": 0, "failed": 1, "stopped": 1, "killed": 1}  # phases, and the exit status of each


def main(folder: Path, *, once: bool, wait: bool, every: float = 1.0) -> int:
    """Show results/<study> until its run ends; the exit status: 0 if all its jobs are done, 1 if not.

    `once`, and where there is no terminal: show it as it is and end, with 1 only if it has ended badly.
    `wait`: not for a run that has ended before now, but for the next one. `every`: seconds.
    """
    console = Console(soft_wrap=False)
    begun = time.time()
    if once or not console.is_terminal:
        study = read_study(folder)
        console.print(_view(folder, study, everything=True))
        return ENDED.get(study.phase, 0) if study else 0
    with Live(console=console, auto_refresh=False) as live:
        while True:
            study = read_study(folder)
            if study and wait and study.ended and study.ended < begun:
                study = None
            ended = study is not None and study.phase in ENDED
            live.update(_view(folder, study, everything=ended), refresh=True)
            if ended:
                return ENDED[study.phase]
            time.sleep(every)


def _view(folder: Path, study: Study | None, everything: bool) -> View | Text:
    if study:
        return View(study, str(folder / "logs"), time.time(), everything)
    there = sorted(path.parents[1].name for path in folder.parent.glob("*/progress/study.json"))
    others = f"; there are {', '.join(there)}" if there else ""
    return Text(f"{folder}: no run of this study has begun{others}")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="of the study, such as results/digits")
    parser.add_argument("--once", action="store_true", help="show it as it is and end")
    parser.add_argument("--wait", action="store_true", help="wait for the next run of a study that has ended")
    return parser.parse_args()


if __name__ == "__main__":
    given = _arguments()
    with suppress(KeyboardInterrupt):
        sys.exit(main(given.folder, once=given.once, wait=given.wait))
