"""Where the files of a study lie.

A name that is left out stands as its wildcard: one function makes both the pattern of a rule and a path.
"""

from dataclasses import dataclass

ROOT = "results"
FILES = {
    "model": "model.safetensors",
    "metrics": "metrics.json",
    "history": "history.csv",
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
TRAINED = ("model", "metrics", "history", "test_logits")  # what every training leaves, but for a trial
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


@dataclass(frozen=True)
class Folder:
    """A folder, and the files in it."""

    path: str

    def __str__(self) -> str:
        return self.path

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


@dataclass(frozen=True)
class Layout:
    """The folders and files of one study."""

    study: str

    @property
    def root(self) -> str:
        """The folder of the study."""
        return f"{ROOT}/{self.study}"

    @property
    def work(self) -> str:
        """The folder of trainings that are under way: no output, so that it outlasts them."""
        return f"{self.root}/work"

    @property
    def progress(self) -> str:
        """The folder in which jobs that are under way say how far they are."""
        return f"{self.root}/progress"

    @property
    def dataset(self) -> str:
        """The prepared data set."""
        return f"{self.root}/data/dataset.safetensors"

    @property
    def summary(self) -> str:
        """The card of the data set."""
        return f"{self.root}/data/summary.json"

    @property
    def samples(self) -> str:
        """A picture of the data set."""
        return f"{self.root}/data/samples.png"

    def teacher(self, teacher: str = "{teacher}") -> Folder:
        """Of a teacher, trained or not."""
        return Folder(f"{self.root}/teachers/{teacher}")

    def baseline(self, student: str = "{student}") -> Folder:
        """Of a student trained without a teacher: a folder in it for each seed."""
        return Folder(f"{self.root}/alone/{student}")

    def distilled(
        self, teacher: str = "{teacher}", student: str = "{student}", method: str = "{method}"
    ) -> Folder:
        """Of a student of this teacher and method: a folder in it for each seed."""
        return Folder(f"{self.root}/distilled/{teacher}/{student}/{method}")

    def intermediate(
        self, teacher: str = "{teacher}", method: str = "{method}", chain: str = "{chain}"
    ) -> Folder:
        """Of a network between a teacher and a student: a folder in it for each seed."""
        return Folder(f"{self.root}/chains/{teacher}/{method}/{chain}")

    def sweep(
        self, teacher: str = "{teacher}", student: str = "{student}", method: str = "{method}"
    ) -> Folder:
        """Of the trials of a teacher and a student."""
        return Folder(f"{self.root}/sweeps/{teacher}/{student}/{method}")

    def trial(
        self,
        teacher: str = "{teacher}",
        student: str = "{student}",
        method: str = "{method}",
        trial: str = "{trial}",
    ) -> Folder:
        """Of one of them: a folder in it for each seed."""
        return Folder(f"{self.sweep(teacher, student, method)}/{trial}")

    def rung(
        self,
        teacher: str = "{teacher}",
        student: str = "{student}",
        method: str = "{method}",
        rung: str | int = "{rung}",
    ) -> str:
        """The file that says which trials of a rung go on."""
        return f"{self.sweep(teacher, student, method)}/rungs/{rung}.json"

    def targets(
        self, teacher: str = "{teacher}", seed: str | int = "{seed}", epochs: str | int = "{epochs}"
    ) -> str:
        """The note that declares the targets of runs of this seed and length."""
        return f"{self.root}/targets/{teacher}/{seed}/{epochs}.json"

    def targets_table(self, teacher: str = "{teacher}") -> str:
        """The folder of the table that such notes point to."""
        return f"{self.root}/targets/{teacher}/table"

    def export(
        self, teacher: str = "{teacher}", student: str = "{student}", method: str = "{method}"
    ) -> Folder:
        """Of an exported student."""
        return Folder(f"{self.root}/export/{teacher}/{student}/{method}")

    @property
    def latency(self) -> str:
        """How long one image takes in each network."""
        return f"{self.root}/latency.json"

    def table(self, kind: str) -> str:
        """The table of all runs, as "csv" or "md"."""
        return f"{self.root}/table.{kind}"

    @property
    def report(self) -> str:
        """The page of the study."""
        return f"{self.root}/report.html"

    def figure(self, figure: str, kind: str) -> str:
        """A figure of the report, as "svg" or "png"."""
        return f"{self.root}/plots/{figure}.{kind}"

    def sweep_figure(self, kind: str, method: str = "{method}") -> str:
        """The figure of a sweep, as "svg" or "png"."""
        return self.figure(f"sweeps/{method}", kind)

    def log(self, job: str) -> str:
        """The log of a job, which is called by its rule and wildcards: "train_teacher/{teacher}"."""
        return f"{self.root}/logs/{job}.log"

    def benchmark(self, job: str) -> str:
        """What Snakemake measured of a job, which is called as in `log`."""
        return f"{self.root}/benchmarks/{job}.tsv"
