"""Which files the jobs of a study need, and of which files the whole study is made."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from pathlib import Path
from typing import Any

from kd.config.study.methods import chain_name, chain_of
from kd.config.study.networks import NO_TEACHER
from kd.config.study.study import Study
from kd.io.files import read_json
from kd.jobs.data import DataJob
from kd.jobs.teachers import ExternalJob, LogitsTargetsJob, LogitsTeacherJob
from kd.jobs.training import TrainJob
from kd.plan import training
from kd.plan.data import data_job
from kd.plan.diagnosis import compares_feature_maps
from kd.plan.layout import EXPORTED, Folder, Layout
from kd.plan.teachers import user_teachers
from kd.plan.user_files import log_to_stderr
from kd.sweep.trials import trial_name
from kd.sweep.values import LENGTH

Inputs = dict[str, str | list[str]]


@dataclass(frozen=True)
class Plan:
    """A study, and the jobs that depend on what is in the user's own files."""

    study: Study
    layout: Layout
    data: DataJob

    @classmethod
    def of(cls, study: Study, below: bool = False) -> "Plan":
        """Reads the user's images, which takes long the first time; UserError for one that is wrong.

        Not where it is `below` a Snakemake that has read them, see data_job.
        """
        with log_to_stderr():
            return cls(study, Layout(study.name), data_job(study, below))

    # Read where they are needed: logits are of the prepared data set, which is made first.
    @cached_property
    def user_teachers(self) -> tuple[Mapping[str, ExternalJob], Mapping[str, LogitsTeacherJob]]:
        """The teachers of the user's own weights and logits; UserError with a line for each wrong file."""
        with log_to_stderr():
            return user_teachers(self.study)

    @property
    def externals(self) -> Mapping[str, ExternalJob]:
        """The teachers with weights of the user's."""
        return self.user_teachers[0]

    @property
    def logits(self) -> Mapping[str, LogitsTeacherJob]:
        """The teachers with logits of the user's."""
        return self.user_teachers[1]

    def read_user_files(self, arguments: Iterable[str]) -> bool:
        """Read the files of the user's teachers, unless `arguments`, of Snakemake, ask for the data set.

        Returns whether it has. Raises UserError with a line for each file that is wrong.
        """
        data = {"prepare_data", self.layout.dataset, self.layout.summary, self.layout.samples}
        if data & set(arguments):
            return False
        _ = self.user_teachers
        return True

    # --- Jobs by their wildcards.

    def logits_targets_job(self, logits_teacher: str, seed: int, epochs: int) -> LogitsTargetsJob:
        """The user's logits that students of this seed and length read."""
        job, data = self.logits[logits_teacher], self.study.dataset
        about = {"augmentation": data.augmentation, "top_k": self.study.targets.top_k}
        return LogitsTargetsJob(sha256=job.sha256, seed=seed, epochs=epochs, **about)

    def trial_job(self, teacher: str, student: str, method: str, trial: str, seed: int) -> TrainJob:
        """A trial of a sweep."""
        values = self._trials[method, student][trial]
        return training.trial_job(self.study, teacher, student, method, values, seed)

    @cached_property  # thousands of trials look themselves up
    def _trials(self) -> dict[tuple[str, str], dict[str, dict[str, Any]]]:
        pairs = product(self.study.sweeps, self.study.students)
        return {pair: training.trials(self.study, *pair) for pair in pairs}

    # --- What a training needs.

    def student_inputs(
        self, teacher: str, student: str, method: str, seed: int, checkpoints: Any = None
    ) -> Inputs:
        """What a student needs of its teacher, and of the sweep that selects its values.

        `checkpoints` are Snakemake's: what such a job reads is known when another one has ended.
        """
        chain, epochs = self.study.methods[method].chain(student), self.study.students[student].recipe.epochs
        inputs = self._teacher_inputs(teacher, method, chain, seed, epochs)
        if method in self.study.sweeps:
            job = checkpoints.select_values.get(teacher=teacher, student=student, method=method)
            inputs["chosen"] = job.output.chosen
        return inputs

    def intermediate_inputs(self, teacher: str, method: str, chain: str, seed: int) -> Inputs:
        """What a network in a chain needs of the one before, or of the teacher."""
        *before, name = chain_of(chain)
        return self._teacher_inputs(teacher, method, before, seed, self.study.network(name).recipe.epochs)

    def trial_inputs(self, teacher: str, student: str, method: str, trial: str, seed: int) -> Inputs:
        """What a trial needs: nothing of the test set."""
        epochs = self._trials[method, student][trial][LENGTH]
        inputs = self._teacher_inputs(teacher, method, (), seed, epochs)
        return {name: path for name, path in inputs.items() if name != "teacher_logits"}

    def _teacher_inputs(
        self, teacher: str, method: str, chain: Iterable[str], seed: int, epochs: int
    ) -> Inputs:
        """The files of the last network of a chain, which runs live; of the teacher if there is no chain."""
        inputs: Inputs = {"dataset": self.layout.dataset}
        if teacher == NO_TEACHER:
            return inputs
        folder = self.layout.teacher(teacher)
        if self.has_test_logits(teacher):
            inputs["teacher_logits"] = folder.file("test_logits")
        if chain:
            intermediate = self.layout.intermediate(teacher, method, chain_name(tuple(chain)))
            return inputs | {"teacher_model": intermediate.seed(seed).file("model")}
        if teacher not in self.study.logits_teachers:
            inputs["teacher_model"] = folder.file("model")
        if self.study.uses_targets(method, teacher):
            networks = self.study.networks_of(teacher)
            inputs["targets"] = [self.layout.targets(network, seed, epochs) for network in networks]
        return inputs

    def has_test_logits(self, teacher: str) -> bool:
        """Whether a teacher's logits of the test images are known."""
        return teacher not in self.study.logits_teachers or self.logits[teacher].test

    def ensemble_members(self, ensemble: str) -> list[str]:
        """The networks of an ensemble."""
        return [self.layout.teacher(member).file("model") for member in self.study.networks_of(ensemble)]

    # --- What a sweep needs.

    def rung_metrics(
        self, teacher: str, student: str, method: str, checkpoints: Any, rung: int = training.LAST
    ) -> list[str]:
        """The metrics of the trials of a rung, those of a trial together."""
        names = {"teacher": teacher, "student": student, "method": method}
        rungs, sweep = training.rungs_of(self.study, method, student), self.study.sweeps[method]
        rung = range(len(rungs))[rung]
        trials = sweep.trials
        if rung:
            before = checkpoints.halve_trials.get(**names, rung=rung - 1).output.rung
            trials = [trials[place] for place in read_json(Path(before))["go_on"]]
        trial, epochs = self.layout.trial(*names.values()), rungs[rung][1]
        folders = [trial(trial_name(values, epochs)) for values in trials]
        return [folder.seed(seed).file("metrics") for folder in folders for seed in sweep.seeds]

    def rungs_before(self, teacher: str, student: str, method: str, rung: int = training.LAST) -> list[str]:
        """The results of the rungs before this one."""
        rungs = range(len(training.rungs_of(self.study, method, student)))
        return [self.layout.rung(teacher, student, method, number) for number in rungs[: rungs[rung]]]

    def sweep_tables(self, method: str) -> list[str]:
        """The trials of every teacher and student that a method is swept for."""
        return [self.layout.sweep(*pair, method).file("trials") for pair in self.study.pairs_of(method)]

    # --- What is needed of finished students.

    def of_seeds(self, folder: Folder, name: str) -> list[str]:
        """A file of every seed of a student."""
        return [folder.seed(seed).file(name) for seed in self.study.seeds]

    def diagnosis_inputs(self, teacher: str, student: str, method: str) -> Inputs:
        """The students of a teacher and method, the logits of their teacher, and their baselines."""
        folder = self.layout.distilled(teacher, student, method)
        inputs: Inputs = {
            "dataset": self.layout.dataset,
            "test_logits": self.of_seeds(folder, "test_logits"),
            "validation_logits": self.of_seeds(folder, "validation_logits"),
            "baseline_logits": self.of_seeds(self.layout.baseline(student), "test_logits"),
        }
        if teacher == NO_TEACHER:
            return inputs
        inputs["fidelity"] = folder.file("fidelity")
        if self.has_test_logits(teacher):
            inputs["teacher_test"] = self.layout.teacher(teacher).file("test_logits")
        if compares_feature_maps(self.study, teacher):
            inputs["cka"] = folder.file("cka")
        return inputs

    def export_inputs(self, teacher: str, student: str, method: str) -> Inputs:
        """The runs that differ in the seed alone, their baselines, and their teacher."""
        folder = self.layout.distilled(teacher, student, method)
        inputs: Inputs = {
            "dataset": self.layout.dataset,
            "data": self.layout.summary,
            "models": self.of_seeds(folder, "model"),
            "metrics": self.of_seeds(folder, "metrics"),
            "test_logits": self.of_seeds(folder, "test_logits"),
            "validation_logits": self.of_seeds(folder, "validation_logits"),
            "alone": self.of_seeds(self.layout.baseline(student), "metrics"),
        }
        if teacher != NO_TEACHER:
            inputs["teacher"] = self.layout.teacher(teacher).file("metrics")
        return inputs

    # --- What the whole study is made of, in the order of the table.

    def runs(self) -> list[Folder]:
        """The folder of every training."""
        seeds = [folder.seed(seed) for folder in self._students() for seed in self.study.seeds]
        return [*map(self.layout.teacher, self.study.teachers), *seeds]

    def cells(self) -> dict[Folder, Folder]:
        """The folder of every teacher, baseline, and pair and method; with each that of its first run."""
        trained = map(self.layout.teacher, (*self.study.teachers, *self.study.untrained))
        students = {folder: folder.seed(self.study.seeds[0]) for folder in self._students()}
        return {folder: folder for folder in trained} | students

    def exports(self) -> list[str]:
        """The files of every exported student."""
        return [path for names in self._distilled() for path in self.export_outputs(*names).values()]

    def export_outputs(self, *names: str) -> dict[str, str]:
        """The files of an exported student, by `names` of its teacher, itself and its method."""
        folder, int8 = self.layout.export(*names), self.study.export.int8
        return {name: folder.file(file) for name, file in EXPORTED.items() if int8 or name != "int8"}

    def wide_students(self, slots: int) -> dict[tuple[str, str, str, int], int]:
        """The last students where they do not divide by the `slots`, and how many of these each takes.

        By teacher, student, method and seed: N mod slots of N students, and the slots are divided by them.
        """
        students = [(*names, seed) for names in self._distilled() for seed in self.study.seeds]
        left = len(students) % slots
        return dict.fromkeys(students[-left:], slots // left) if left and slots // left > 1 else {}

    def _students(self) -> list[Folder]:
        distilled = [self.layout.distilled(*names) for names in self._distilled()]
        return [*map(self.layout.baseline, self.study.students), *distilled]

    def _distilled(self) -> list[tuple[str, str, str]]:
        return [(*pair, method) for method in self.study.methods for pair in self.study.pairs_of(method)]
