"""What every test has: one thread, a tier by folder, and an order in which two processes have done early."""

import gc
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent
TIERS = ("unit", "stub_gpu", "browser", "workflow", "slurm", "gpu")
# Of these files' tests one process runs all, because what they share takes it long to make. With -n they begin first,
# the longest at the head, so that no process is left with one of them when the others are done.
LONG = (
    "test_zoo",
    "test_commands",
    "test_sweeps_for_real",
    "test_report_in_browser",
    "test_models",
    "test_interrupted",
)
LONG += ("test_resume", "test_feature_pairs", "test_methods_with_parts", "test_export_student")


def pytest_configure() -> None:
    """The garbage collector would look through all that is imported again and again."""
    gc.disable()


def pytest_collection_finish() -> None:
    """What is there now stays, and is not looked through again."""
    gc.freeze()
    gc.enable()


def pytest_unconfigure() -> None:
    """Some libraries complain of what is not collected at the end."""
    gc.unfreeze()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """A test's folder is its tier; the unit tier comes first, because it fails fastest."""
    for item in items:
        item.tier = item.path.relative_to(ROOT / "tests").parts[0]
        if item.tier != "unit":
            item.add_marker(item.tier)
    several = hasattr(config, "workerinput")
    items.sort(key=lambda item: (_place(item) if several else 0, TIERS.index(item.tier)))


def _place(item: pytest.Item) -> int:
    return LONG.index(item.path.stem) if item.path.stem in LONG else len(LONG)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """With -n a file is run by one process, so that what its tests share is made once; in the workflow tier a test."""
    from xdist.scheduler import LoadScopeScheduling

    class ByFile(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = nodeid.partition("::")[0]
            alone = file.startswith("tests/workflow/") and Path(file).stem not in LONG
            return nodeid if alone else file

    config.option.loadscopereorder = False  # in the order from above
    return ByFile(config, log)


@pytest.fixture
def one_thread() -> None:
    """Tests share two cores; more threads than that make small networks wait for each other."""
    import torch

    torch.set_num_threads(1)
