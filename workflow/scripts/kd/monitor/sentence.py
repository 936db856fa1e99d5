"""How a study stands, in one sentence."""

from kd.monitor.clock import clock_time
from kd.monitor.estimate import Estimate
from kd.monitor.status import Study


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
        "stopped": f"stopped after {took}; the same command goes on",
        "killed": f"Snakemake was killed {since} ago. {unlock}",
        "silent": f"no update from Snakemake for {since}",
    }[study.phase]


def _time_left(study: Study, left: Estimate) -> str:
    if left.seconds is None:
        return "time left: ?"
    rules = f"{len(study.rules)} rule{'s' * (len(study.rules) != 1)}"
    unknown = f" (no timing yet for {len(left.unknown)} of {rules})" if left.unknown else ""
    return f"about {clock_time(left.seconds)} left{unknown}"
