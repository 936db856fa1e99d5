"""What a study's latency.json says of a network."""

import math
from collections.abc import Mapping
from typing import Any

from kd.roles import TEACHER


def milliseconds(latency: Mapping[str, Any], role: str, name: str) -> float:
    """The median time of one image in PyTorch, in milliseconds; NaN where it is not known.

    A teacher that is another network than the student of the same name is there as "teachers/<name>".
    """
    networks = latency["networks"]
    found = networks.get(name)
    if role == TEACHER:
        found = networks.get(f"teachers/{name}", found)
    times = found["pytorch_ms"] if found else None
    return times["median"] if times else math.nan
