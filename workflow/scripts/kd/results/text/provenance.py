"""What made the runs of a study: devices, versions, commits, and a warning where these differ."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from kd.results.metrics import Metrics
from kd.roles import TEACHER


def provenance(runs: Sequence[Metrics]) -> dict[str, str]:
    """Which devices, library versions and commits made the runs; more than one of a kind are all listed."""
    facts = {
        "devices": {run.device for run in runs},
        "versions": {f"{name} {version}" for run in runs for name, version in run.versions.items()},
        "commits": {run.commit for run in runs},
    }
    return {
        "runs": str(len(runs)),
        **{name: ", ".join(sorted(values)) for name, values in facts.items()},
        **_computed(runs),
    }


def _computed(runs: Sequence[Metrics]) -> dict[str, str]:
    """On which kinds of device, in which precision and by how many processes; a warning where that differs.

    A difference between two such runs is not that of their methods alone. The precision may differ between
    networks: on a CPU it is chosen by network.
    """
    runs = [run for run in runs if run.compute]
    kinds = Counter(_kind(run.compute) for run in runs)
    facts = {"computed on": "; ".join(sorted(kinds))} if kinds else {}
    by_network = defaultdict(set)
    for run in runs:
        by_network[run.role == TEACHER, run.name].add(_kind(run.compute))
    places = {_kind(run.compute | {"precision": ""}) for run in runs}
    if len(places) > 1 or any(len(own) > 1 for own in by_network.values()):
        counts = "; ".join(f"{count} on {kind}" for kind, count in sorted(kinds.items()))
        ranks = {run.compute.get("ranks", 1) for run in runs if run.compute}
        what = "device, precision or number of processes" if len(ranks) > 1 else "device or precision"
        facts["warning"] = f"runs of this table differ in {what} ({counts}), which moves results too"
    return facts


def _kind(compute: Mapping[str, Any]) -> str:
    ranks = compute.get("ranks", 1)
    together = f", {ranks} processes" if ranks > 1 else ""
    return f"{compute['device']}, {compute['precision']}{together}"
