"""The latency of a network, from a study's latency.json."""

import math
from collections.abc import Mapping
from typing import Any

from kd.roles import TEACHER


def changed_name(teacher: str, student: str, method: str) -> str:
    """What a student is called there to which its method gave other layers; names as in its metrics."""
    return f"distilled/{teacher}/{student}/{method}"


PYTORCH, ONNX = "pytorch_ms", "onnxruntime_ms"


def milliseconds(
    latency: Mapping[str, Any],
    role: str,
    name: str,
    teacher: str | None = "",
    method: str | None = "",
    runtime: str = PYTORCH,
) -> float:
    """The median time of one image by a runtime, in milliseconds; NaN where it is not known.

    A teacher that is another network than the student of the same name is there as "teachers/<name>", and a
    student that its method changed by `changed_name`: for a distilled one give `teacher` and `method`.
    """
    networks = latency["networks"]
    network = networks.get(name)
    if role == TEACHER:
        network = networks.get(f"teachers/{name}", network)
    elif teacher and method:
        network = networks.get(changed_name(teacher, name, method), network)
    times = network.get(runtime) if network else None
    return times["median"] if times else math.nan
