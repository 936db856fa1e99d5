"""A training by two processes that is killed, on the CPU or on two GPUs, and ends with the same bytes."""

import csv
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import psutil
from checkout import Checkout

MODEL = "results/tiny/teachers/cnn/model.safetensors"
LOG = "results/tiny/logs/train_teacher/cnn.log"
WHOM = ["a rank", "the job"]
KILLED = "error: rank 1 of 2 was ended by SIGKILL (out of memory?); run the same command to resume"
Ended = tuple[bytes, list[dict[str, str]]]  # the model, and its history without times


def study(device: str, **more: object) -> dict:
    """One teacher and its student, by two processes each."""
    return {
        "teachers": {"cnn": {"channels": [8, 8]}},
        "students": {"cnn_thin": {"architecture": "cnn", "channels": [4]}},
        "methods": {"kd": {}},
        "seeds": [0],
        "compute": {"device": device, "checkpoint_seconds": 0.3, "gpus_per_job": 2},
        **more,
    }


@dataclass
class Long:
    """A teacher of so many epochs that it can be killed, and the options of its Snakemake."""

    device: str
    epochs: int = 20
    options: list[str] = field(default_factory=list)

    def configure(self, checkout: Checkout) -> None:
        recipe = {"epochs": self.epochs, "batch_size": 16, "lr": 0.02}
        checkout.configure(**study(self.device, recipe=recipe))

    def run(self, checkout: Checkout) -> Ended:
        checkout.run(*self.options, MODEL)
        return ended(checkout)

    def killed(self, checkout: Checkout, whom: str, meanwhile: Callable[[], None] = lambda: None) -> None:
        """Kill one of its ranks, or the process that started them; `meanwhile` is called just before."""
        command = checkout.command(*self.options, MODEL)
        process = subprocess.Popen(
            command, cwd=checkout.folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        deadline = time.monotonic() + 180
        while not list((checkout.folder / "results/tiny/work").glob("*/checkpoint.safetensors")):
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)
        ranks = ranks_of(process)
        assert len(ranks) == 2
        meanwhile()
        victim = ranks[1] if whom == "a rank" else ranks[1].parent()
        victim.kill()
        output = process.communicate(timeout=120)[0].decode()
        if whom == "a rank":
            assert KILLED in output
            assert (checkout.folder / LOG).read_text().splitlines()[-1][9:] == KILLED
        psutil.wait_procs(ranks, timeout=10)
        assert not any(rank.is_running() for rank in ranks)
        assert not (checkout.folder / MODEL).exists()
        assert "Traceback" not in output

    def resumed(self, checkout: Checkout) -> Ended:
        """What it ends with when it is run again."""
        result = self.run(checkout)
        assert (checkout.folder / LOG).read_text().count("resumes from a checkpoint") == 1
        assert not list((checkout.folder / "results/tiny/work").iterdir())
        return result


def ranks_of(process: subprocess.Popen) -> list[psutil.Process]:
    """The processes that compute, in their order."""
    below = psutil.Process(process.pid).children(recursive=True)
    ranks = [child for child in below if "spawn_main" in " ".join(child.cmdline())]
    return sorted(ranks, key=lambda rank: rank.create_time())


def ended(checkout: Checkout) -> Ended:
    """The teacher's bytes and its history."""
    with open(checkout.folder / "results/tiny/teachers/cnn/history.csv", newline="") as file:
        rows = [{k: v for k, v in row.items() if "second" not in k} for row in csv.DictReader(file)]
    return (checkout.folder / MODEL).read_bytes(), rows
