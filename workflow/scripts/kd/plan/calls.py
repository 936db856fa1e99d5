"""How rules call the plan: functions of Snakemake's wildcards, made of functions that name what they need."""

from collections.abc import Callable
from inspect import signature
from typing import Any

from kd.plan.code import code_of
from kd.plan.priority.costs import cost, share

Function = Callable[..., Any]


class Calls:
    """Makes functions of wildcards; `known` is what functions may need beside these, by name."""

    def __init__(self, **known: Any) -> None:
        self._known = known

    def __call__(self, function: Function) -> Function:
        """Calls `function` with the wildcards that its parameters name, as int if annotated so."""
        parameters = signature(function).parameters

        def call(wildcards: Any) -> Any:
            known = {**wildcards, **self._known}
            values = {name: known[name] for name in parameters if name in known}
            numbers = {name: int(values[name]) for name in values if parameters[name].annotation is int}
            return function(**values | numbers)

        return call

    def job_params(self, script: str, job: Function) -> dict[str, Function]:
        """The params of what runs `script`: the configuration of the `job`, and the code's fingerprint."""
        job = self(job)
        return {
            "cfg": lambda wildcards: job(wildcards).to_json(),
            "code": lambda wildcards: code_of(script, job(wildcards)),
        }

    def priority(self, depth: int, job: Function | None = None) -> Function:
        """Of the jobs that could run, which is started first: what most others wait for, then the longest.

        `depth`: how many jobs with networks wait for it, one after the other; `job`: the function of what it
        runs, whose cost (kd.plan.priority.costs) adds less than a half, of which the rules make use.
        """
        if job is None:
            return lambda wildcards: depth
        job_of, study = self(job), self._known["study"]
        return lambda wildcards: depth + share(cost(study, job_of(wildcards), {**wildcards})) / 2

    def minutes(self, epochs: int | Function) -> Function:
        """The time limit on a cluster: 30, and one for every 100 MB that an epoch reads; more at each try.

        `epochs`: how many, or the function of the job that has them.
        """
        count = self._epochs(epochs)

        def limit(wildcards: Any, input: Any, attempt: int) -> int:
            return attempt * round(30 + count(wildcards) * input.size_mb / 100)

        return limit

    def _epochs(self, epochs: int | Function) -> Callable[[Any], int]:
        """The number by the wildcards, whether it is known or that of a job."""
        if isinstance(epochs, int):
            return lambda wildcards: epochs
        job = self(epochs)
        return lambda wildcards: job(wildcards).epochs
