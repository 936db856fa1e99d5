"""What progress files hold, checked when they are read: another program may have written what is there."""

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field


def _plain(text: str) -> str:
    """Without what a terminal would obey."""
    return "".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in text)


Line = Annotated[str, AfterValidator(_plain), Field(max_length=1000)]
Seconds = Annotated[float, Field(ge=0, le=1e10, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=0, le=10**9)]


class _Facts(BaseModel):
    model_config = ConfigDict(frozen=True, coerce_numbers_to_str=True)


class RuleFacts(_Facts):
    """Of a rule."""

    jobs: Count
    done: Count = 0
    seconds: Seconds = 0.0


class JobFacts(_Facts):
    """Of a job that runs or has failed."""

    rule: Line
    wildcards: dict[Line, Line] = {}
    log: Line | None
    started: Seconds = 0.0


class StudyFacts(_Facts):
    """Of a run of Snakemake; see kd.monitor.recorder."""

    host: str
    pid: Annotated[int, Field(ge=1, lt=2**31)]
    started: Seconds
    updated: Seconds
    ended: Seconds | None
    rules: dict[Line, RuleFacts]
    running: tuple[JobFacts, ...]
    failed: tuple[JobFacts, ...]
    before: dict[Line, Seconds]


class ProgressFacts(_Facts):
    """Of a running job; see kd.monitor.progress."""

    updated: Seconds
    share: Annotated[float, Field(ge=0, allow_inf_nan=False, le=1e10)] | None = None
    left: Seconds | None = None
    epoch: Count | None = None
    epochs: Count | None = None
    validation_accuracy: Annotated[float, Field(ge=0, le=100)] | None = None
