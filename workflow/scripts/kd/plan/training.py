"""From a study to the configuration of each of its trainings, the trials of its sweeps among them."""

from typing import Any

from kd.config.study.methods import chain_of
from kd.config.study.networks import NO_TEACHER, Network
from kd.config.study.study import Study
from kd.jobs.training import TrainJob
from kd.roles import ALONE, DISTILLED, TEACHER, TRIAL, WITHOUT_TEACHER
from kd.sweep.trials import rungs, trial_name
from kd.sweep.values import LENGTH, with_values

LABELS_ONLY = "cross_entropy"  # the method of every network that learns from labels alone

LAST = -1  # of the rungs: the only one where trials are not halved


def teacher_job(study: Study, teacher: str) -> TrainJob:
    """A teacher, trained once with its own seed."""
    network = study.teachers[teacher]
    return _train_job(study, network, role=TEACHER, seed=network.seed, methods=[(LABELS_ONLY, {})])


def baseline_job(study: Study, student: str, seed: int) -> TrainJob:
    """A student trained without a teacher."""
    return _train_job(study, study.students[student], role=ALONE, seed=seed, methods=[(LABELS_ONLY, {})])


def distill_job(study: Study, teacher: str, student: str, method: str, seed: int) -> TrainJob:
    """A student of a teacher. Nothing of the teacher's configuration is in it but the name."""
    network, chain = study.students[student], study.methods[method].chain(student)
    name, weights = name_of(teacher), [1.0] if chain else study.weights(teacher)
    methods = study.methods[method].parts_of([teacher, *chain][-1], student)
    return _distill_job(study, network, name, method, seed, weights=weights, methods=methods)


def intermediate_job(study: Study, teacher: str, method: str, chain: str, seed: int) -> TrainJob:
    """The last network of a chain that begins below `teacher`: distilled as a student, but not compared."""
    networks = chain_of(chain)
    *before, name = networks
    weights = [1.0] if before else study.weights(teacher)
    by = [teacher, *before]
    options = {"weights": weights, "methods": study.methods[method].parts_of(by[-1], name)}
    return _distill_job(study, study.network(name), "+".join(by), method, seed, draw=len(networks), **options)


def rungs_of(study: Study, method: str, student: str) -> list[tuple[int, int]]:
    """How many trials of a sweep are trained for how many epochs; all alike, unless they are halved."""
    sweep, epochs = study.sweeps[method], study.students[student].recipe.epochs
    return rungs(len(sweep.trials), epochs) if sweep.halving else [(len(sweep.trials), epochs)]


def trials(study: Study, method: str, student: str) -> dict[str, dict[str, Any]]:
    """The values of every trial that a sweep may run, by its name; the length is one of them."""
    return {
        trial_name(values, epochs): values | {LENGTH: epochs}
        for _, epochs in rungs_of(study, method, student)
        for values in study.sweeps[method].trials
    }


def trial_job(study: Study, teacher: str, student: str, method: str, values: dict, seed: int) -> TrainJob:
    """A student of a teacher with values that are tried; its role keeps the test set from it."""
    job = distill_job(study, teacher, student, method, seed)
    return with_values(job.model_copy(update={"role": TRIAL}), values)


def rung_job(study: Study, method: str, student: str, rung: int = LAST) -> dict[str, Any]:
    """Which values were tried in a rung, how, and how many of them go on."""
    sweep, counts = study.sweeps[method], rungs_of(study, method, student)
    rung = range(len(counts))[rung]
    keep = counts[rung + 1][0] if rung + 1 < len(counts) else 1
    return {"values": list(sweep.trials), "seeds": len(sweep.seeds), "epochs": counts[rung][1], "keep": keep}


def plot_job(study: Study, method: str) -> dict[str, Any]:
    """What a plot of a sweep shows."""
    sweep = study.sweeps[method]
    pairs = [(name_of(teacher), student) for teacher, student in study.pairs_of(method)]
    titles = [f"{teacher} \N{RIGHTWARDS ARROW} {student}" for teacher, student in pairs]
    return {"titles": titles, "keys": list(sweep.over), "logarithmic": list(sweep.log)}


def name_of(teacher: str) -> str:
    """What a job calls a teacher that a path names."""
    return WITHOUT_TEACHER if teacher == NO_TEACHER else teacher


def _distill_job(
    study: Study, network: Network, teacher: str, method: str, seed: int, **options: Any
) -> TrainJob:
    names = {"role": DISTILLED, "teacher": teacher, "method_name": method}
    return _train_job(study, network, seed=seed, **names, **options)


def _train_job(study: Study, network: Network, **options: Any) -> TrainJob:
    fields = ("name", "architecture", "options", "recipe")
    options["augmentation"] = study.dataset.augmentation
    return TrainJob(**{name: getattr(network, name) for name in fields}, **options)
