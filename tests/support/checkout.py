"""A copy of the repository in which Snakemake really runs, on a study that takes seconds."""

import os
import re
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import warm
import yaml

ROOT = Path(__file__).parents[2]
PARTS = ("Snakefile", "rules", "workflow", "config", "profiles", "envs")
TINY = {
    "study": "tiny",
    "dataset": {"name": "digits", "test_fraction": 0.8},
    "recipe": {"epochs": 2, "batch_size": 64, "lr": 0.05, "momentum": 0.9},
    "teachers": {"vgg16": {"width": 0.125}, "mobilenet": {"width": 0.125}},
    "students": {"cnn": {"width": 0.125}},
    "pairs": "all",
    "methods": {"kd": {"temperature": 4}},
    "seeds": [0, 1],
    "compute": {"device": "cpu"},
}


@dataclass
class Checkout:
    """A copy of the repository with a study of its own; `warm` as warm.py says it, or as a user starts Snakemake."""

    folder: Path
    warm: bool = True

    def configure(self, **changes: Any) -> None:
        (self.folder / "study.yaml").write_text(yaml.safe_dump({**TINY, **changes}))

    def command(self, *arguments: str, config: str | None = "study.yaml") -> list[str]:
        # Any number of files may follow --configfile, so no target may.
        named = ["--configfile", config] if config else []
        return [sys.executable, "-m", "snakemake", *named, *self.options(arguments), *arguments]

    def options(self, arguments: tuple[str, ...]) -> list[str]:
        return [] if "--report" in arguments else ["--cores", "2"]  # a report is asked for without cores

    def environment(self) -> dict[str, str]:
        # What a caller's terminal may set must not reach the tests.
        return {name: value for name, value in os.environ.items() if not name.startswith("SNAKEMAKE")}

    def snakemake(self, *arguments: str, config: str | None = "study.yaml") -> subprocess.CompletedProcess:
        command, environment = self.command(*arguments, config=config), self.environment()
        if self.warm:
            return warm.run_snakemake(command[3:], self.folder, environment)
        return subprocess.run(command, cwd=self.folder, capture_output=True, text=True, env=environment)

    def run(self, *arguments: str) -> str:
        done = self.snakemake(*arguments)
        assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-10000:]
        return done.stdout + done.stderr

    def pending(self, *arguments: str) -> dict[str, set[str]]:
        """What the next run would do: rule -> the wildcards of its jobs, joined by spaces.

        Without keep_config, which every change of a config brings, and after it the report.
        """
        text = self.run("--dry-run", *arguments)
        jobs: dict[str, set[str]] = {}
        for rule, body in re.findall(r"(?m)^(?:local)?(?:rule|checkpoint) (\w+):\n((?:    .*\n)*)", text):
            match = re.search(r"(?m)^    wildcards: (.*)$", body)
            values = [item.split("=")[1] for item in match.group(1).split(", ")] if match else []
            jobs.setdefault(rule, set()).add(" ".join(values))
        for rule in ("all", "keep_config"):
            jobs.pop(rule, None)
        nothing = "Nothing to be done" in text or re.search(r"(?m)^total +0$", text)
        assert bool(jobs) != bool(nothing), text
        return jobs

    def edit(self, file: str, old: str, new: str) -> None:
        path = self.folder / file
        text = path.read_text()
        assert old in text, f"{file} has no {old!r}"
        path.write_text(text.replace(old, new))


def diagnosed(
    teachers: str = "", alone: str = "", students: str = "", *, networks: bool = True
) -> dict[str, set[str]]:
    """The jobs that look at these, as `pending` has them: names, those of several cells with commas between.

    `networks`: they run as well, as they do unless only what is shown of stored logits has changed.
    """
    cells = {"diagnose_teacher": teachers, "diagnose_baseline": alone, "diagnose_distilled": students}
    if networks:
        taught = ", ".join(name for name in students.split(", ") if not name.startswith("_none "))
        cells |= {"compute_training_logits": teachers, "measure_fidelity": taught}
    jobs = {rule: set(names.split(", ")) for rule, names in cells.items() if names}
    return jobs | {"build_diagnoses": {""}}


def hear_ctrl_c() -> None:
    """For `preexec_fn`: a shell that starts the tests in the background has its children ignore Ctrl-C."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def copy_code(folder: Path) -> None:
    """With the files' times, and with what Python has compiled of them, which then fits the copies as well.

    Plans in it keep the normal forms of its code, by content, with those of all other copies.
    """
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run(["cp", "-a", *(ROOT / part for part in PARTS), folder], check=True)
    if forms:
        (folder / ".snakemake" / "kd-code").mkdir(parents=True)
        (folder / ".snakemake" / "kd-code" / "forms").symlink_to(forms[0])


forms: list[Path] = []  # the folder for it, in a session that has one
COPIES = 5  # tries


def copied(checkout: Checkout, folder: Path) -> Checkout:
    """All of a checkout, with its times and Snakemake's records; what is done to the copy is not done to it."""
    # Another process of pytest may plan in it meanwhile: Snakemake's locks come and go.
    for left in reversed(range(COPIES)):
        done = subprocess.run(["cp", "-a", checkout.folder, folder], stderr=subprocess.PIPE, text=True)
        if done.returncode == 0:
            return Checkout(folder)
        assert left, done.stderr
        assert "/.snakemake/" in done.stderr, done.stderr
        shutil.rmtree(folder)
