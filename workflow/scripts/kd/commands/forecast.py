"""What a run of a study will take: jobs by rule, time and disk."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from kd.commands.images import Images
from kd.commands.jobs import PlannedJob
from kd.commands.times import Earlier, Pace, seconds_of
from kd.monitor.estimate import Estimate, estimate
from kd.monitor.status import Rule, Study
from kd.plan.files import Plan
from kd.plan.training import rungs_of
from kd.sweep.trials import trial_name


@dataclass(frozen=True)
class Forecast:
    """Of the jobs that a run would start: how many of each rule, mean seconds of one, seconds of all."""

    counts: Mapping[str, int]
    each: Mapping[str, float]  # of the rules whose time is known
    total: Estimate
    longest: float  # seconds of the longest job

    def seconds(self, together: int) -> float | None:
        """Until all are done, `together` at a time; None where nothing is known."""
        if self.total.seconds is None:
            return None
        return max(self.longest, self.total.seconds / max(1, min(together, sum(self.counts.values()))))


def later_trials(plan: Plan, jobs: Iterable[PlannedJob]) -> list[PlannedJob]:
    """Trials that Snakemake does not know of yet, because a sweep that is halved has still to select them."""
    jobs, later = list(jobs), []
    there = {_trial(job) for job in jobs if job.rule == "run_trial"}
    ended = {_cell(job) for job in jobs if job.rule == "select_values" and not job.waiting}
    for method, sweep in plan.study.sweeps.items():
        for teacher, student in plan.study.pairs_of(method):
            cell = {"teacher": teacher, "student": student, "method": method}
            for count, epochs in rungs_of(plan.study, method, student)[1:]:
                names = [trial_name(values, epochs) for values in sweep.trials]
                if (teacher, student, method) in ended or there & {(*cell.values(), name) for name in names}:
                    continue
                later += [
                    PlannedJob("run_trial", cell | {"trial": name, "seed": str(seed)})
                    for name in names[:count]
                    for seed in sweep.seeds
                ]
    return later


def _cell(job: PlannedJob) -> tuple[str, ...]:
    return tuple(job.wildcards[name] for name in ("teacher", "student", "method"))


def _trial(job: PlannedJob) -> tuple[str, ...]:
    return (*_cell(job), job.wildcards["trial"])


def forecast(
    plan: Plan,
    waiting: Iterable[PlannedJob],
    images: Images | None,
    earlier: Earlier,
    paces: Mapping[str, Pace],
    start: float,
) -> Forecast:
    """Of the `waiting` jobs of a study, by its finished runs and the `paces` of its other networks."""
    waiting = list(waiting)
    counts = Counter(job.rule for job in waiting)
    known = seconds_of(plan, waiting, images, earlier, paces, start)
    each = earlier.rules | {rule: sum(seconds) / len(seconds) for rule, seconds in known.items()}
    rules = {rule: Rule(count) for rule, count in counts.items()}
    study = Study(plan.study.name, "running", 0.0, 0.0, None, rules, (), (), each)
    longest = max((second for seconds in known.values() for second in seconds), default=0.0)
    each = {rule: each[rule] for rule in counts if rule in each}
    return Forecast(counts, each, estimate(study, 0.0), longest)
