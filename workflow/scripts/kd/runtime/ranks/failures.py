"""How an error of one rank becomes the error of its job: the first in time, as the kind that it was."""

import errno as errors
import json
import time
import traceback
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from kd.errors import UserError
from kd.runtime.signals import Stopped

AGAIN = "run the same command to resume"
# In the errors of a rank whose peer is gone: of gloo, and of NCCL.
_LOST = ("gloo", "Connection closed by peer", "Connection reset by peer", "NCCL", "remote process exited")


class FailedRank(Exception):
    """An error that is no fault of the user's, with the traceback of the rank in which it was."""


@dataclass(frozen=True)
class Report:
    """What a rank says before it ends by an error."""

    at: float  # time.monotonic(), which all processes of a machine share
    kind: str
    text: str
    errno: int | None = None  # of an error of the system
    file: str | None = None
    trace: str = ""

    @property
    def lost_another(self) -> bool:
        """Whether it is only that another rank is gone."""
        return self.kind in ("RuntimeError", "DistBackendError", "DistNetworkError") and any(
            sign in self.text for sign in _LOST
        )

    def error(self, rank: int) -> Exception:
        """The error to be raised in the process that started the ranks."""
        match self.kind:
            case "UserError":
                return UserError(self.text)
            case "Stopped":
                return Stopped(self.text)
            case "MemoryError":
                return MemoryError(self.text)
            case "OSError":
                return OSError(self.errno, self.text, self.file)
        return FailedRank(f"rank {rank}: {self.kind}: {self.text}\n{self.trace}")


def report(error: Exception, path: Path) -> Report:
    """Write what has gone wrong in this rank, where the process that started it reads it."""
    kinds = {UserError: "UserError", Stopped: "Stopped", MemoryError: "MemoryError", OSError: "OSError"}
    kind = next((name for base, name in kinds.items() if isinstance(error, base)), type(error).__name__)
    text, number, file = str(error), None, None
    if isinstance(error, OSError):
        number, file = error.errno or errors.EIO, error.filename and str(error.filename)
        text = error.strerror or text
    content = Report(time.monotonic(), kind, text, number, file, traceback.format_exc())
    temporary = path.with_suffix(".part")
    temporary.write_text(json.dumps(asdict(content)), encoding="utf-8")
    temporary.replace(path)
    return content


def read_reports(folder: Path) -> dict[int, Report]:
    """By rank, of those that wrote one."""
    return {
        int(path.stem): Report(**json.loads(path.read_text(encoding="utf-8")))
        for path in folder.glob("*.json")
    }


def first_failure(reports: Mapping[int, Report], ended: Mapping[int, str], count: int) -> Exception:
    """The error of a job one of whose `count` ranks has failed.

    `ended`: how ranks ended that are known to have, by their number: the name of a signal, or a status.
    """
    own = {rank: report for rank, report in reports.items() if not report.lost_another}
    if own:
        rank = min(own, key=lambda rank: own[rank].at)
        return own[rank].error(rank)
    silent = [rank for rank in range(count) if rank not in reports]
    if silent:
        rank = next((rank for rank in silent if rank in ended), silent[0])
        how = ended.get(rank, "an unknown cause")
        memory = " (out of memory?)" if how == "SIGKILL" else ""
        return UserError(f"rank {rank} of {count} was ended by {how}{memory}; {AGAIN}")
    rank = min(reports, key=lambda rank: reports[rank].at)
    return reports[rank].error(rank)
