"""What a metrics.json holds: all that was measured of one run. Its only definition.

Accuracies, agreement and calibration error are in per cent, losses are mean cross-entropies in nats, times in
seconds. Measures are those of the last epoch's weights, `selected_*` those of the epoch that did best on the
validation split.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from kd.io.files import not_whole, read_json, write_json
from kd.roles import TRIAL


class TrialMetrics(BaseModel):
    """A trial of a sweep, which never sees the test set; of one that diverged the measures are missing."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    role: str  # teacher, alone, distilled or trial; see kd.roles
    name: str
    architecture: str  # "ensemble" of several networks, "logits" where there is no network
    teacher: str | None  # null: a teacher or baseline, "(none)": a method without a teacher
    method: str | None  # null: a teacher or baseline
    seed: int | None  # null: a teacher that was not trained here
    epochs: int | None  # likewise
    loss_function: str
    chosen: dict[str, Any] | None = None  # by a sweep; missing where there was none
    validation_loss: float | None  # null: diverged, or a teacher of which there are logits alone
    validation_accuracy: float | None  # likewise
    diverged: str | None = None  # why a trial ended early; missing where it did not
    seconds: float | None = None  # of the run, with those before it was resumed
    device: str | None = None
    # How it was computed: kind of device, precision, compiled, cuda_graph, threads, deterministic, and ranks,
    # the number of processes, where there were several; null: a teacher that was not trained here, and runs
    # of older versions.
    compute: dict[str, Any] | None = None
    versions: dict[str, str] | None = None  # of Python and the libraries
    commit: str | None = None  # of the project; "+" at its end: with changes
    finished: str | None = None  # when it ended, UTC: 2026-11-27T08:25:27Z; missing in runs of older versions
    job: str | None = None  # digest of the configuration and code that made it; see kd.plan.records


class Metrics(TrialMetrics):
    """A run that is a part of a row of the table.

    A measure is null where it was not taken: of a teacher whose logits are the user's own, for the parts
    without logits.
    """

    train_loss: float | None
    train_accuracy: float | None
    test_loss: float | None
    test_accuracy: float | None
    selected_epoch: int | None  # null: a teacher that was not trained here
    selected_validation_accuracy: float | None
    selected_test_accuracy: float | None
    unaveraged_test_accuracy: float | None = None  # of the last weights; missing without `ema`
    agreement: float | None  # with the teacher on test images; null: there is no teacher
    alarms: list[str] | None = None  # see kd.training.alarms; missing where there are none
    ece: float | None  # expected calibration error on the test set, 15 bins
    parameters: int | None  # null: there is no network
    macs: int | None  # multiply-accumulates for one image; likewise
    seconds: float
    device: str
    versions: dict[str, str]
    commit: str


Kind = TypeVar("Kind", bound=TrialMetrics)
# Of a run of which nothing is known: all keys that it must have, null.
UNKNOWN = dict.fromkeys(key for key, field in Metrics.model_fields.items() if field.is_required())


def write_metrics(path: Path, values: Mapping[str, Any]) -> None:
    """Write `values`, which are all that TrialMetrics or, but for a trial, Metrics ask for.

    Raises ValidationError for a key that is missing, unknown, or of another type.
    """
    kind = TrialMetrics if values["role"] == TRIAL else Metrics
    write_json(path, kind(**values).model_dump(exclude_unset=True))


def read_metrics(path: Path, kind: type[Kind] = Metrics) -> Kind:
    """What write_metrics wrote of a run that is no trial; UserError naming the file if it is not whole.

    Keys that `kind` has not are left out, as an older or newer version may have written them.
    """
    content = read_json(path)
    try:
        return kind(**{key: content[key] for key in kind.model_fields.keys() & content.keys()})
    except AttributeError as error:
        raise not_whole(path, "no object of keys and values") from error
    except ValidationError as error:
        reasons = (f"{'.'.join(map(str, part['loc']))}: {part['msg']}" for part in error.errors())
        raise not_whole(path, "; ".join(reasons)) from error


def read_trial(path: Path) -> TrialMetrics:
    """The same of a trial."""
    return read_metrics(path, TrialMetrics)
