"""What every test has: one thread, a tier by folder, and an order in which two processes have done early."""

import atexit
import fcntl
import gc
import os
import subprocess
import sys
from collections.abc import Callable
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
# These begin next, each test in any process.
NEXT = ("test_on_the_stub", "test_rehearsal_on_the_stub", "test_study_on_the_stub", "test_ranks")
EACH = ("tests/workflow/", "tests/stub_gpu/")  # where tests of one file share nothing that takes long


def pytest_configure(config: pytest.Config) -> None:
    """The garbage collector would look through all that is imported again and again."""
    gc.disable()
    if _is_worker(config):
        # Registered first, called last: a process of xdist has sent its results, and to free what it holds takes 3 s.
        atexit.register(os._exit, 0)


def pytest_collection_finish() -> None:
    """What is there now stays, and is not looked through again."""
    gc.freeze()
    gc.enable()


def pytest_unconfigure(config: pytest.Config) -> None:
    """Some libraries complain of what is not collected at the end."""
    if not _is_worker(config):
        gc.unfreeze()


def _is_worker(config: pytest.Config) -> bool:
    return hasattr(config, "workerinput")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """A test's folder is its tier; the unit tier comes first, because it fails fastest."""
    for item in items:
        item.tier = item.path.relative_to(ROOT / "tests").parts[0]
        if item.tier != "unit":
            item.add_marker(item.tier)
    several = _is_worker(config)
    items.sort(key=lambda item: (_place(item) if several else 0, TIERS.index(item.tier)))


def _place(item: pytest.Item) -> int:
    order = LONG + NEXT
    return order.index(item.path.stem) if item.path.stem in order else len(order)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """With -n a file is run by one process, so that what its tests share is made once; in two tiers a test."""
    from xdist.scheduler import LoadScopeScheduling

    class ByFile(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = nodeid.partition("::")[0]
            alone = file.startswith(EACH) and Path(file).stem not in LONG
            return nodeid if alone else file

    config.option.loadscopereorder = False  # in the order from above
    return ByFile(config, log)


@pytest.fixture(scope="session")
def of_all(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that all processes of pytest share."""
    folder = tmp_path_factory.getbasetemp()
    return folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder


@pytest.fixture(scope="session")
def made_once(of_all: Path) -> Callable[[str, Callable[[Path], None]], Path]:
    """A folder of a name, filled by a function when it is first asked for, once for all processes of pytest."""

    def once(name: str, fill: Callable[[Path], None]) -> Path:
        folder, done = of_all / name, of_all / f"{name}.done"
        with open(of_all / f"{name}.lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not done.exists():
                assert not folder.exists(), "it could not be made before"
                fill(folder)
                done.touch()
        return folder

    return once


@pytest.fixture(scope="session")
def site(made_once: Callable[[str, Callable[[Path], None]], Path]) -> Path:
    """The site of the documents, built without a warning."""

    def build(folder: Path) -> None:
        command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)]
        environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=environment)
        assert done.returncode == 0, done.stdout + done.stderr

    return made_once("site", build)


@pytest.fixture
def one_thread() -> None:
    """Tests share two cores; more threads than that make small networks wait for each other."""
    import torch

    torch.set_num_threads(1)
