"""Show on the terminal how far a study is, while Snakemake runs it here or elsewhere on the same disk."""

import argparse
import sys
import time
from contextlib import suppress
from pathlib import Path

from rich.console import Console
from rich.live import Live
from rich.text import Text

from kd.monitor.status import Study, read_study
from kd.monitor.view import View

ENDED = {"done": 0, "failed": 1, "stopped": 1, "killed": 1}  # phases, and the exit status of each
LAST = {
    "done": "in the last one all jobs were done",
    "failed": "in the last one jobs failed",
    "stopped": "the last one was stopped",
    "killed": "the last one was killed",
}


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
            ended = study is not None and study.phase in ENDED
            before = ended and (study.ended or study.updated) < begun
            if before and wait:
                live.update(Text(f"{folder}: waits for the next run; {LAST[study.phase]}"), refresh=True)
            else:
                live.update(_view(folder, study, everything=ended), refresh=True)
                if ended:
                    break
            time.sleep(every)
    if before:
        console.print("\nIt had ended before; --wait (make watch WAIT=--wait) waits for the next run.")
    return ENDED[study.phase]


def _view(folder: Path, study: Study | None, everything: bool) -> View | Text:
    if study:
        return View(study, folder, time.time(), everything)
    there = sorted(path.parents[1].name for path in folder.parent.glob("*/progress/study.json"))
    others = ", ".join(name for name in there if name != folder.name)
    return Text(f"{folder}: no run of this study has begun{f'; there are {others}' if others else ''}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="of the study, such as results/digits")
    parser.add_argument("--once", action="store_true", help="show it as it is and end")
    parser.add_argument("--wait", action="store_true", help="wait for the next run of a study that has ended")
    sys.stdout.reconfigure(errors="replace")  # a terminal without UTF-8
    with suppress(KeyboardInterrupt):
        sys.exit(main(**vars(parser.parse_args())))
