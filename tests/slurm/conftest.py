"""A cluster of one node for as long as the tests need it, and studies that are submitted to it."""

import importlib.util
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from checkout import Checkout, copy_code
from one_node import OneNodeSlurm, missing

# Without slurmdbd there is no sacct to ask, and nothing here takes so long that asking often would hurt.
HERE = [
    *("--workflow-profile", "profiles/slurm", "--slurm-status-command", "squeue"),
    *("--slurm-init-seconds-before-status-checks", "3", "--seconds-between-status-checks", "2"),
    *("--latency-wait", "5"),
]


@dataclass
class Submitted(Checkout):
    """A copy of the repository whose jobs go to the cluster, with the profile as it is delivered."""

    warm: bool = False  # a job's interpreter is the cluster's matter
    cluster: OneNodeSlurm = field(kw_only=True)

    def options(self, arguments: tuple[str, ...]) -> list[str]:
        return HERE

    def environment(self) -> dict[str, str]:
        mine = self.cluster.environment()
        return {name: value for name, value in mine.items() if not name.startswith("SNAKEMAKE")}


@pytest.fixture(scope="session")
def cluster() -> Iterator[OneNodeSlurm]:
    if programs := missing():
        pytest.skip(f"not installed: {', '.join(programs)}; `make test-slurm` installs them")
    if importlib.util.find_spec("snakemake_executor_plugin_slurm") is None:
        pytest.skip("Snakemake's plugin for Slurm is not installed; `make test-slurm` installs it")
    started = OneNodeSlurm()
    yield started
    started.stop()


@pytest.fixture
def submitted(tmp_path: Path, cluster: OneNodeSlurm) -> Iterator[Submitted]:
    """A copy of the code in which nothing has run; no job of it outlasts the test."""
    copy_code(tmp_path / "submitted")
    yield Submitted(tmp_path / "submitted", cluster=cluster)
    if jobs := cluster.active():
        cluster.ask("scancel", *jobs)
