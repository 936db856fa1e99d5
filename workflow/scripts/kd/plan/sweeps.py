"""From a study to the trials of its sweeps."""

from typing import Any

from kd.config.study import Study
from kd.jobs.training import TrainJob
from kd.plan.training import distill_job, name_of
from kd.roles import TRIAL
from kd.sweep.trials import rungs, trial_name
from kd.sweep.values import LENGTH, with_values

LAST = -1  # of the rungs: the only one where trials are not halved


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
