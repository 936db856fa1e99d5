"""What ranks do in tests: functions that another process can import."""

import json
import logging
import os
import signal
import time
from pathlib import Path

import torch
from torch import nn

from kd.errors import UserError
from kd.runtime.signals import Stopped, StopSignal

FIRST_LATE = 0.5  # seconds


def talk(folder, ranks, device):
    """Use all that ranks have in common, and write down what it came to."""
    rows = torch.arange(10.0).reshape(5, 2)
    norm = nn.BatchNorm1d(2)
    norm.running_mean.fill_(ranks.rank + 3)
    ranks.same_buffers(norm)
    facts = {
        "gathered": ranks.gathered(rows[ranks.part(5)], 5).tolist(),
        "highest": ranks.highest(ranks.rank, 7 - ranks.rank),
        "of_first": ranks.of_first(ranks.rank + 0.1),
        "mean": norm.running_mean.tolist(),
        "threads": torch.get_num_threads(),
        "device": str(device),
    }
    logging.getLogger("kd").info("rank %d was here", ranks.rank)
    Path(folder, f"{ranks.rank}.json").write_text(json.dumps(facts))


def fail(how, ranks, device):
    """Fail in the second rank while the first waits for it."""
    if ranks.rank == 1:
        match how:
            case "user":
                raise UserError("batch_size: too small")
            case "disk":
                raise OSError(28, "No space left on device", "results/model.safetensors")
            case "bug":
                raise ZeroDivisionError("oops")
            case "killed":
                os.kill(os.getpid(), signal.SIGKILL)
    ranks.wait()


def until_stopped(folder, ranks, device):
    """Go on until all are asked to stop; the first then still has something to write."""
    ending = StopSignal(ranks.stop)
    with ending.noticed():
        Path(folder, f"{os.getpid()}.running").touch()
        while not ranks.highest(ending())[0]:
            time.sleep(0.01)
        if ranks.first:
            time.sleep(FIRST_LATE)
            Path(folder, "kept").touch()
        ranks.wait()
        raise Stopped("a rank")
