"""Studies that are really run, in copies of the repository."""

import fcntl
import os
from collections.abc import Callable
from pathlib import Path

import pytest
import warm
from checkout import Checkout, copied, copy_code, forms

Shared = Callable[[str, Callable[[Checkout], None]], Checkout]


@pytest.fixture(scope="session")
def of_all(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that all processes of pytest share."""
    folder = tmp_path_factory.getbasetemp()
    return folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder


@pytest.fixture(scope="session", autouse=True)
def _forms(of_all: Path) -> None:
    """A plan in a fresh checkout parses no code that one in another has parsed."""
    (of_all / "forms").mkdir(exist_ok=True)
    forms.append(of_all / "forms")


@pytest.fixture(scope="session")
def shared(of_all: Path) -> Shared:
    """A checkout of a name, made by a function of it when it is first asked for, once for all processes of pytest."""

    def made_once(name: str, make: Callable[[Checkout], None]) -> Checkout:
        checkout, done = Checkout(of_all / name), of_all / f"{name}.done"
        with open(of_all / f"{name}.lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not done.exists():
                assert not checkout.folder.exists(), "it could not be made before"
                copy_code(checkout.folder)
                make(checkout)
                done.touch()
        return checkout

    return made_once


@pytest.fixture(scope="session")
def warm_environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Whose Snakemake, scripts and jobs start warm (tests/support/warm.py)."""
    return warm.environment(tmp_path_factory.mktemp("environment"))


@pytest.fixture(scope="session")
def finished_study(shared: Shared) -> Checkout:
    """The tiny study, run once; tests that change anything take a copy. output.txt is what Snakemake printed."""

    def run(checkout: Checkout) -> None:
        checkout.configure()
        (checkout.folder / "output.txt").write_text(checkout.run())

    return shared("finished", run)


@pytest.fixture
def finished(finished_study: Checkout, tmp_path: Path) -> Checkout:
    """A copy of the finished study, with its times and Snakemake's records."""
    return copied(finished_study, tmp_path / "copy")


@pytest.fixture
def fresh(tmp_path: Path) -> Checkout:
    """A copy of the code in which nothing has run."""
    copy_code(tmp_path / "fresh")
    checkout = Checkout(tmp_path / "fresh")
    checkout.configure()
    return checkout
