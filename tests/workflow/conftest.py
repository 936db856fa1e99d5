"""Studies that are really run, in copies of the repository."""

from collections.abc import Callable
from pathlib import Path

import pytest
import warm
from checkout import Checkout, copied, copy_code, forms

Shared = Callable[[str, Callable[[Checkout], None]], Checkout]


@pytest.fixture(scope="session", autouse=True)
def _forms(of_all: Path) -> None:
    """A plan in a fresh checkout parses no code that one in another has parsed."""
    (of_all / "forms").mkdir(exist_ok=True)
    forms.append(of_all / "forms")


@pytest.fixture(scope="session")
def shared(made_once: Callable[[str, Callable[[Path], None]], Path]) -> Shared:
    """A checkout of a name, made by a function of it when it is first asked for, once for all processes of pytest."""

    def checkout(name: str, make: Callable[[Checkout], None]) -> Checkout:
        def fill(folder: Path) -> None:
            copy_code(folder)
            make(Checkout(folder))

        return Checkout(made_once(name, fill))

    return checkout


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
