"""Where the files of a study lie.

A name that is left out stands as its wildcard: the pattern of a rule and the paths of its jobs are said once.
"""

import re
from dataclasses import dataclass

ROOT = "results"
FILES = {
    "model": "model.safetensors",
    "metrics": "metrics.json",
    "history": "history.csv",
    "validation_logits": "validation_logits.npy",  # none, (0, classes), without a validation split
    "test_logits": "test_logits.npy",
    "train_logits": "train_logits.npy",  # of the images as they are
    "board": "tensorboard",
    "fidelity": "fidelity.json",
    "cka": "cka.json",
    "diagnosis": "diagnosis.json",
    "page": "diagnosis.html",
    "chosen": "chosen.json",
    "trials": "trials.csv",
    "images": "images.safetensors",
    "licences": "licences.csv",
}
# What every training leaves, but for a trial.
TRAINED = ("model", "metrics", "history", "validation_logits", "test_logits")
EXPORTED = {
    "onnx": "model.onnx",
    "program": "model.pt2",
    "weights": "model.safetensors",
    "config": "config.json",
    "preprocessor": "preprocessor_config.json",
    "card": "README.md",
    "verification": "verification.json",
    "int8": "model_int8.onnx",
}


def named(pattern: str, *names: str | int) -> str:
    """`pattern` with these names in place of its wildcards, in order; one that is left out stays."""
    remaining = iter(names)
    return re.sub(r"\{\w+\}", lambda wildcard: str(next(remaining, wildcard[0])), pattern)


@dataclass(frozen=True)
class Folder:
    """A folder, and the files in it; its path may have wildcards."""

    path: str

    def __str__(self) -> str:
        return self.path

    def __call__(self, *names: str | int) -> "Folder":
        """The folder of these names."""
        return Folder(named(self.path, *names))

    def file(self, name: str) -> str:
        """A file by its name in FILES, or as it is called."""
        return f"{self}/{FILES.get(name, name)}"

    def files(self, *names: str) -> dict[str, str]:
        """Several files, by their names in FILES."""
        return {name: self.file(name) for name in names}

    def seed(self, seed: str | int = "{seed}") -> "Folder":
        """The folder of one seed in it."""
        return Folder(f"{self}/{seed}")


def downloads(dataset: str, gathered: str | None = None) -> Folder:
    """The files of a data set, which all studies share: downloaded, or gathered by a job of this digest."""
    folder = f"{ROOT}/_downloads/{dataset}"  # no study can be called so
    return Folder(f"{folder}/{gathered}" if gathered else folder)


class Layout:
    """The folders and files of one study."""

    def __init__(self, study: str) -> None:
        root = self.root = f"{ROOT}/{study}"
        self.work = f"{root}/work"  # of trainings that are under way: no output, so that it outlasts them
        self.progress = f"{root}/progress"  # where jobs that are under way say how far they are
        self.dataset = f"{root}/data/dataset.safetensors"  # prepared
        self.notes = f"{root}/data/notes.json"  # what was odd about the images when they were read
        self.summary = f"{root}/data/summary.json"  # the card of the data set
        self.samples = f"{root}/data/samples.png"
        self.latency = f"{root}/latency.json"  # of one image in each network
        self.report = f"{root}/report.html"
        self.config = f"{root}/config.yaml"  # as it was given
        self.resolved = f"{root}/config.resolved.yaml"  # with every default
        self.teacher = Folder(root + "/teachers/{teacher}")  # trained or not
        # In each of the next three, and of a trial, a folder for each seed.
        self.baseline = Folder(root + "/alone/{student}")
        self.distilled = Folder(root + "/distilled/{teacher}/{student}/{method}")
        self.intermediate = Folder(root + "/chains/{teacher}/{method}/{chain}")
        self.sweep = Folder(root + "/sweeps/{teacher}/{student}/{method}")
        self.trial = Folder(f"{self.sweep}/{{trial}}")
        self.export = Folder(root + "/export/{teacher}/{student}/{method}")

    def rung(self, *names: str | int) -> str:
        """The file that says which trials of a rung go on: {teacher}, {student}, {method}, {rung}."""
        return named(f"{self.sweep}/rungs/{{rung}}.json", *names)

    def targets(self, *names: str | int) -> str:
        """The note that declares the targets of runs of a seed and length: {teacher}, {seed}, {epochs}."""
        return named(self.root + "/targets/{teacher}/{seed}/{epochs}.json", *names)

    def targets_table(self, teacher: str = "{teacher}") -> str:
        """The folder of the table that such notes point to."""
        return f"{self.root}/targets/{teacher}/table"

    def table(self, kind: str) -> str:
        """The table of all runs, as "csv" or "md"."""
        return f"{self.root}/table.{kind}"

    def figure(self, figure: str, kind: str) -> str:
        """A figure of the report, or "sweeps/<method>", as "svg" or "png"."""
        return f"{self.root}/plots/{figure}.{kind}"

    def log(self, job: str) -> str:
        """The log of a job, which is called by its rule and wildcards: "train_teacher/{teacher}"."""
        return f"{self.root}/logs/{job}.log"

    def benchmark(self, job: str) -> str:
        """What Snakemake measured of a job, which is called as in `log`."""
        return f"{self.root}/benchmarks/{job}.tsv"
