"""What every test has: one thread, and a tier by folder."""

from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """A test's folder is its tier; the unit tier comes first, because it fails fastest."""
    tiers = ("unit", "browser", "workflow", "slurm", "gpu")
    for item in items:
        item.tier = item.path.relative_to(ROOT / "tests").parts[0]
        if item.tier != "unit":
            item.add_marker(item.tier)
    items.sort(key=lambda item: tiers.index(item.tier))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """With -n a file's tests are run by one process, so that what they share is made once."""
    from xdist.scheduler import LoadFileScheduling

    return LoadFileScheduling(config, log)


@pytest.fixture
def one_thread() -> None:
    """Tests share two cores; more threads than that make small networks wait for each other."""
    import torch

    torch.set_num_threads(1)
