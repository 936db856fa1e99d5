"""What a run was made with, as the HParams tab of TensorBoard compares it."""

from collections import Counter
from typing import Any

from kd.jobs.training import TrainJob
from kd.roles import ALONE


def hparams_of(job: TrainJob) -> dict[str, bool | float | str]:
    """Every value that makes this run, by name; what one run has and another has not is left empty there.

    An option of a method is called `method.temperature` in all methods, so that these are compared in one
    column; of a sum of methods that share it, `method.kd.temperature`. `base method` is the method's name in
    the code, "kd + crd" of a sum, so that it can be grouped by, whatever the study calls its methods.
    """
    values = {
        "role": "baseline" if job.role == ALONE else job.role,
        "network": job.name,
        "architecture": job.architecture,
        "teacher": job.teacher,
        "method": job.method_name,
        "base method": " + ".join(name for name, _ in job.methods),
        "seed": job.seed,
    }
    values |= {f"recipe.{name}": value for name, value in job.recipe.model_dump().items()}
    values |= {f"network.{name}": value for name, value in job.options.items()}
    shared = Counter(name for _, options in job.methods for name in options)
    for method, options in job.methods:
        for name, value in options.items():
            values[f"method.{method}.{name}" if shared[name] > 1 else f"method.{name}"] = value
    return {name: _plain(value) for name, value in values.items() if value is not None}


def _plain(value: Any) -> bool | float | str:
    """TensorBoard knows no lists."""
    if isinstance(value, list | tuple):
        return ", ".join(str(element) for element in value) or "none"
    return value if isinstance(value, bool | int | float | str) else str(value)
