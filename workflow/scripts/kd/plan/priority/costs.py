"""How long jobs take in comparison, by what is known without building a network."""

import json
import math
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from statistics import median
from typing import Any

from kd.config.study.methods import chain_of
from kd.config.study.networks import NO_TEACHER
from kd.config.study.study import Study
from kd.jobs.teachers import TargetsJob

BACKWARD = 2  # times the work of a forward pass
MOST = 20  # decimal digits of a cost, more than that of any job


def cost(study: Study, job: Any, names: Mapping[str, Any]) -> float:
    """Multiply-accumulates for an image of 32×32 pixels over all epochs of a job; 0 where it has no epochs.

    A training passes its network forward and backward, and forward the teachers that run in every step.
    `names`: the wildcards of the job.
    """
    if isinstance(job, TargetsJob):
        networks = study.teachers | study.externals
        return job.epochs * macs(networks[names["teacher"]])
    if not hasattr(job, "architecture"):
        return 0.0
    beside = sum(map(macs, live_teachers(study, names)))
    return job.epochs * ((1 + BACKWARD) * macs(job) + beside)


def share(cost: float) -> float:
    """0 to 1 by the magnitude of a cost, so that costs of all magnitudes differ."""
    return math.log10(1 + cost) / MOST


def macs(about: Any) -> float:
    """Multiply-accumulates of a network for an image of 32×32 pixels, by its architecture and width.

    An estimate: the width counts squared, as for convolutions of all channels, and no other option counts.
    An architecture that is not listed, such as a library's, has the median of those that are.
    """
    known = _known()
    width = float(about.options.get("width", 1.0))
    return 1e6 * known.get(about.architecture, median(known.values())) * width**2


@cache
def _known() -> dict[str, float]:
    """In millions, by architecture, with the default options, three channels and ten classes."""
    return json.loads(Path(__file__).with_name("macs.json").read_text(encoding="utf-8"))


def live_teachers(study: Study, names: Mapping[str, Any]) -> list[Any]:
    """The networks that run in every step of a student; none where its logits are cached.

    `names`: the wildcards of its job.
    """
    teacher, method = names.get("teacher", NO_TEACHER), names.get("method")
    if method is None or teacher == NO_TEACHER:
        return []
    chain = (
        study.methods[method].chain(names["student"]) if "student" in names else chain_of(names["chain"])[:-1]
    )
    if chain:
        return [study.network(chain[-1])]
    if study.uses_targets(method, teacher) or teacher in study.logits_teachers:
        return []
    return [(study.teachers | study.externals)[name] for name in study.networks_of(teacher)]
