"""How long the jobs of a study take: by its earlier runs, or by the speed of its networks on this machine."""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kd.commands.images import Images
from kd.commands.jobs import PlannedJob
from kd.config.study.study import Study
from kd.errors import UserError
from kd.jobs.training import TrainJob
from kd.monitor.estimate import seconds_per_job
from kd.monitor.status import read_study
from kd.plan import training
from kd.plan.files import Plan
from kd.plan.layout import Folder
from kd.plan.priority.costs import live_teachers
from kd.results.metrics import read_trial
from kd.teachers.size import expected_entries, longest

START = 5.0  # seconds in which a job starts Python and imports PyTorch, where that was not measured
TRAININGS = ("train_teacher", "train_baseline", "distill_student", "distill_intermediate", "run_trial")
CACHING = "cache_targets"
PASSES = 3  # over training, validation and test images, after a training: last epoch, selected epoch, logits


@dataclass(frozen=True)
class Pace:
    """Seconds that an image takes in a network, in training and in inference; and its parameters."""

    train: float
    infer: float
    parameters: int


def key_of(job: Any) -> str:
    """What decides the pace of a network: anything with an architecture and options."""
    return json.dumps([job.architecture, job.options], sort_keys=True)


def training_of(plan: Plan, job: PlannedJob) -> TrainJob | None:
    """What a job trains; None for one that trains nothing."""
    study, names = plan.study, job.wildcards
    match job.rule:
        case "train_teacher":
            return training.teacher_job(study, names["teacher"])
        case "train_baseline":
            return training.baseline_job(study, names["student"], int(names["seed"]))
        case "distill_student":
            cell = names["teacher"], names["student"], names["method"]
            return training.distill_job(study, *cell, int(names["seed"]))
        case "distill_intermediate":
            cell = names["teacher"], names["method"], names["chain"]
            return training.intermediate_job(study, *cell, int(names["seed"]))
        case "run_trial":
            cell = names["teacher"], names["student"], names["method"], names["trial"]
            return plan.trial_job(*cell, int(names["seed"]))
    return None


class Earlier:
    """What the finished jobs of a study took: its trainings by network and epoch, all others by rule."""

    def __init__(self, plan: Plan) -> None:
        self._exact: dict[tuple[str, ...], list[float]] = defaultdict(list)
        self._bytes: dict[tuple[str, str], int] = {}
        last = read_study(Path(plan.layout.root))
        self.rules = dict(seconds_per_job(last, last.updated)) if last else {}
        for folder in plan.runs():
            self._take(folder)

    def _take(self, folder: Folder) -> None:
        path = Path(folder.file("metrics"))
        if not path.is_file():
            return
        try:
            run = read_trial(path)
        except UserError:
            return
        if run.epochs and run.seconds:
            pace = run.seconds / run.epochs
            keys = [
                (run.architecture, run.name),
                (run.architecture, run.name, run.teacher or "", run.method or ""),
            ]
            for key in keys:
                self._exact[key].append(pace)
            with suppress(OSError):
                self._bytes[run.architecture, run.name] = Path(folder.file("model")).stat().st_size

    def per_epoch(self, job: TrainJob) -> float | None:
        """Of runs with the same teacher and method, or else of any of this network."""
        same = self._exact.get((job.architecture, job.name, job.teacher or "", job.method_name or ""))
        paces = same or self._exact.get((job.architecture, job.name))
        return sum(paces) / len(paces) if paces else None

    def __bool__(self) -> bool:
        """Whether there are any."""
        return bool(self._exact)

    def weights(self, job: TrainJob) -> int | None:
        """Bytes of the weights of this network."""
        return self._bytes.get((job.architecture, job.name))


def unknown_networks(plan: Plan, jobs: Iterable[PlannedJob], earlier: Earlier) -> dict[str, Any]:
    """The networks that have to be timed for these jobs, by key."""
    networks: dict[str, Any] = {}
    for job in jobs:
        run = training_of(plan, job)
        if run and earlier.per_epoch(run) is None:
            networks[key_of(run)] = run
            for teacher in live_teachers(plan.study, job.wildcards):
                networks.setdefault(key_of(teacher), teacher)
        elif job.rule == CACHING and CACHING not in earlier.rules and (network := _teacher(plan.study, job)):
            networks.setdefault(key_of(network), network)
    return networks


def _teacher(study: Study, job: PlannedJob) -> Any:
    return (study.teachers | study.externals).get(job.wildcards["teacher"])


def seconds_of(
    plan: Plan,
    jobs: Iterable[PlannedJob],
    images: Images | None,
    earlier: Earlier,
    paces: Mapping[str, Pace],
    start: float = START,
) -> dict[str, list[float]]:
    """The seconds of each job whose time is known, by rule."""
    taken: dict[str, list[float]] = defaultdict(list)
    jobs = list(jobs)
    for job in jobs:
        run = training_of(plan, job)
        if run and (per_epoch := earlier.per_epoch(run)) is not None:
            taken[job.rule].append(start + per_epoch * run.epochs)
        elif run and images and key_of(run) in paces:
            beside = [
                paces[key] for key in map(key_of, live_teachers(plan.study, job.wildcards)) if key in paces
            ]
            taken[job.rule].append(start + _training(run, images, paces[key_of(run)], beside))
    if images:
        taken[CACHING] = _caching(plan, jobs, images, paces, start)
    return {rule: seconds for rule, seconds in taken.items() if seconds}


def _training(run: TrainJob, images: Images, pace: Pace, beside: Iterable[Pace]) -> float:
    step = pace.train + sum(teacher.infer for teacher in beside)
    epoch = images.train * step + images.validation * pace.infer
    return run.epochs * epoch + PASSES * (images.train + images.validation + images.test) * pace.infer


def _caching(
    plan: Plan, jobs: Iterable[PlannedJob], images: Images, paces: Mapping[str, Pace], start: float
) -> list[float]:
    """Jobs of one teacher fill one store, so that later ones compute only what it lacks."""
    by_teacher: dict[str, list[PlannedJob]] = defaultdict(list)
    for job in jobs:
        if job.rule == CACHING:
            by_teacher[job.wildcards["teacher"]].append(job)
    seconds = []
    for members in by_teacher.values():
        network = _teacher(plan.study, members[0])
        if network and (pace := paces.get(key_of(network))):
            runs = longest((int(job.wildcards["seed"]), int(job.wildcards["epochs"])) for job in members)
            entries = expected_entries(images.train, images.augmentation, runs)
            seconds += [start + entries * pace.infer / len(members)] * len(members)
    return seconds
