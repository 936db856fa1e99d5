"""What a run was made with, as the HParams tab of TensorBoard compares it."""

from collections import Counter
from typing import Any

from kd.jobs.training import TrainJob


def hparams_of(job: TrainJob) -> dict[str, bool | float | str]:
    """Every value that makes this run, by name; what one run has and another has not is left empty there.

    An option of a method is called `method.temperature` in all methods, so that these are compared in one
    column; of a sum of methods that share it, `method.kd.temperature`. `base method` is what the code calls
    the method, "kd + crd" of a sum, so that all that are made of one are found whatever the study calls them.
    """
    found = {
        "role": job.role,
        "network": job.name,
        "architecture": job.architecture,
        "teacher": job.teacher,
        "method": job.method_name,
        "base method": " + ".join(name for name, _ in job.methods),
        "seed": job.seed,
    }
    found |= {f"recipe.{name}": value for name, value in job.recipe.model_dump().items()}
    found |= {f"network.{name}": value for name, value in job.options.items()}
    shared = Counter(name for _, options in job.methods for name in options)
    for method, options in job.methods:
        for name, value in options.items():
            found[f"method.{method}.{name}" if shared[name] > 1 else f"method.{name}"] = value
    return {name: _plain(value) for name, value in found.items() if value is not None}


def _plain(value: Any) -> bool | float | str:
    """TensorBoard knows no lists."""
    if isinstance(value, list | tuple):
        return ", ".join(str(each) for each in value) or "none"
    return value if isinstance(value, bool | int | float | str) else str(value)
