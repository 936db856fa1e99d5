"""What Snakemake itself asks of a study: wildcards, what scripts read in its config, clusters and cores."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from kd import registry
from kd.config.study.networks import NO_TEACHER
from kd.config.study.study import Study
from kd.plan.data import manner, places
from kd.plan.files import Plan
from kd.plan.layout import Layout
from kd.plan.teachers import targets_at_once


def wildcards(study: Study) -> dict[str, str]:
    """A regular expression for each wildcard."""
    names = {
        "teacher": [*study.teachers, *study.untrained, NO_TEACHER],
        "ensemble": study.ensembles,
        "external": study.externals,
        "logits_teacher": study.logits_teachers,
        "student": study.students,
        "method": study.methods,
    }
    numbers = dict.fromkeys(("seed", "rung", "epochs"), "[0-9]+")
    texts = {"chain": "[A-Za-z0-9_+.-]+", "trial": "[0-9a-f]+", "file": "[A-Za-z0-9][A-Za-z0-9_.-]*"}
    return {name: "|".join(values) or NO_TEACHER for name, values in names.items()} | numbers | texts


def script_config(study: Study) -> dict[str, Any]:
    """What scripts read in the config: no part of a result, and so of no job's params."""
    layout = Layout(study.name)
    externals = {name: external.file for name, external in study.externals.items()}
    return {
        "compute": study.compute.model_dump(),
        "mirror": study.dataset.mirror,
        "sizes": registry.find_dataset(study.dataset.name).constants.get("SIZES", {}),
        "places": places(study),
        "manner": manner(study),
        "user_files": study.logits_teachers | externals,
        "work": layout.work,
        "progress": layout.progress,
    }


# The options of Snakemake that name an executor, or a profile that may.
_EXECUTORS = ("--executor", "-e", "--workflow-profile", "--profile")


def submits(settings: Any, words: Iterable[str]) -> bool:
    """Whether the jobs go to a cluster, by Snakemake's resource `settings` and the words of its command.

    Snakemake sets its executor after the rules are read. profiles/default has `cores: all`, and --jobs beside
    cores, with no executor, is a limit that has no effect on one machine.
    """
    return bool(settings.nodes) and (not settings.cores or any(word.startswith(_EXECUTORS) for word in words))


@dataclass(frozen=True)
class Cores:
    """How many cores the jobs of a study take."""

    all: int  # for jobs that would measure other jobs as well
    threads: int  # of a job that is one process
    ranks: int  # the processes of a job on several GPUs
    at_once: int = 1  # batches of a teacher's targets that one job computes at once
    # The students that are left when the others have all slots, and how many slots each of them takes.
    wide: dict[tuple[str, str, str, int], int] = field(default_factory=dict)

    @classmethod
    def of(cls, plan: Plan, settings: Any, cpus: int, *, gpu: int, remote: bool) -> "Cores":
        """By Snakemake's resource `settings`; `cpus`: of the machine; `remote`: within a cluster's job."""
        study, cores = plan.study, settings.cores or 1
        ranks = study.compute.gpus_per_job
        # A job on the CPU uses compute.threads cores. Asking for more cores than the machine has would only
        # make the jobs wait for each other, so each then counts for several.
        threads = study.compute.cores * max(1, cores // cpus)
        # On a cluster "all" means a node whose other cores are not its own, and it must ask for no more.
        own = 1 if remote else cores
        # Jobs that run at once on the CPU of this machine; on a cluster a job has cores of its own.
        slots = 1 if settings.nodes else max(1, own // (threads * ranks))
        if gpu or ranks > 1:
            return cls(own, threads, ranks)
        # By the config and the cores alone; and no bit of the targets depends on it.
        at_once = targets_at_once(study, slots)
        wide = plan.wide_students(slots) if study.compute.threads == "auto" else {}
        return cls(own, threads, ranks, at_once, wide)

    @property
    def of_one(self) -> int:
        """Those of a training with all its processes."""
        return self.threads * self.ranks

    def of_student(self, teacher: str, student: str, method: str, seed: int) -> int:
        """Those of a distilled student."""
        return self.of_one * self.wide.get((teacher, student, method, seed), 1)
