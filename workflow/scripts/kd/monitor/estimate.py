"""How a study stands, in one sentence, and its time left, from the times of its jobs so far."""

from collections.abc import Mapping
from dataclasses import dataclass

from kd.monitor.progress import clock_time
from kd.monitor.status import Job, Study

# A baseline trains as long as a student of a teacher whose logits are stored.
STUDENTS = ("train_baseline", "distill_student", "distill_intermediate", "run_trial")
NETWORKS = ("train_teacher", "cache_targets", *STUDENTS)  # rules whose jobs run networks
GUESS = 30.0  # seconds, the most that a job of an unknown rule counts: those that come late are short


@dataclass(frozen=True)
class Estimate:
    """`seconds` until all jobs are done, None while nothing is known; of `unknown` rules it is a guess."""

    seconds: float | None
    unknown: tuple[str, ...] = ()


def estimate(study: Study, now: float) -> Estimate:
    """What is left to do, divided by the jobs that run side by side; never less than the longest of these.

    A job takes what those of its rule took on average in this run, or in the one before. The estimate of a
    running job itself is believed. One of an unknown rule counts as the shortest of those that run
    networks, but GUESS at most. What waits for what is not considered.
    """
    took = seconds_per_job(study, now)
    waiting = study.waiting
    lefts = [(job.rule, _left(job, took, now)) for job in study.running]
    known = [left for _, left in lefts if left is not None]
    silent = [rule for rule, left in lefts if left is None]
    unknown = tuple(dict.fromkeys([*(name for name in waiting if name not in took), *silent]))
    guess = min((GUESS, *(took[name] for name in NETWORKS if name in took)))
    work = sum(known) + sum(count * took.get(name, guess) for name, count in waiting.items())
    if not known and not took:
        return Estimate(None if unknown else 0.0, unknown)
    together = max(1, min(side_by_side(study, now), sum(waiting.values()) + len(study.running)))
    return Estimate(max([work / together, *known]), unknown)


def seconds_per_job(study: Study, now: float) -> Mapping[str, float]:
    """Seconds that one job of a rule takes, of those rules of which it is known."""
    took = {name: rule.seconds / rule.done for name, rule in study.rules.items() if rule.done}
    for job in study.running:  # the first of its rule
        if job.left is not None and job.rule not in took:
            took[job.rule] = now - job.started + job.left
    took = dict(study.before) | took
    if like := next((took[name] for name in STUDENTS if name in took), None):
        took = dict.fromkeys(STUDENTS, like) | took
    return took


def side_by_side(study: Study, now: float) -> float:
    """How many jobs run at once: now, or on average where that is more, as it is between two jobs."""
    busy = sum(rule.seconds for rule in study.rules.values())
    busy += sum(now - job.started for job in study.running)
    return max(1.0, len(study.running), busy / max(1.0, now - study.started))


def _left(job: Job, took: Mapping[str, float], now: float) -> float | None:
    if job.left is not None:
        return job.left
    return max(0.0, took[job.rule] - (now - job.started)) if job.rule in took else None


def sentence(study: Study, left: Estimate, now: float) -> str:
    """How the study stands."""
    took = clock_time((study.ended or now) - study.started)
    since = clock_time(now - study.updated)
    if study.phase == "running":
        return f"running for {took}, {_time_left(study, left)}"
    failures = f"{len(study.failed)} job{'s' * (len(study.failed) != 1)} failed"
    ended = "When these jobs have ended, " if study.running else ""
    unlock = f"{ended}snakemake --unlock with the study's --configfile, then the same command."
    return {
        "done": f"done in {took}",
        "failed": f"ended after {took}, {failures}",
        "stopped": f"stopped after {took}; the same command resumes",
        "killed": f"Snakemake was killed {since} ago. {unlock}",
        "silent": f"no update from Snakemake for {since}",
    }[study.phase]


def _time_left(study: Study, left: Estimate) -> str:
    if left.seconds is None:
        return "time left: ?"
    if study.running and round(left.seconds) < 1:
        return "time left: ? (what runs takes longer than usual)"
    rules = f"{len(study.rules)} rule{'s' * (len(study.rules) != 1)}"
    unknown = f" (no timing yet for {len(left.unknown)} of {rules})" if left.unknown else ""
    return f"≈ {clock_time(left.seconds)} left{unknown}"
