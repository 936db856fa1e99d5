"""Studies that are really run, in copies of the repository."""

import shutil
from pathlib import Path

import pytest
from checkout import Checkout, copy_code


@pytest.fixture(scope="session")
def finished_study(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """The tiny study, run once; tests that change anything take a copy."""
    checkout = Checkout(tmp_path_factory.mktemp("finished"))
    copy_code(checkout.folder)
    checkout.configure()
    checkout.run()
    return checkout


@pytest.fixture
def finished(finished_study: Checkout, tmp_path: Path) -> Checkout:
    """A copy of the finished study, with its times and Snakemake's records."""
    shutil.copytree(finished_study.folder, tmp_path / "copy", symlinks=True)
    return Checkout(tmp_path / "copy")


@pytest.fixture
def fresh(tmp_path: Path) -> Checkout:
    """A copy of the code in which nothing has run."""
    copy_code(tmp_path / "fresh")
    checkout = Checkout(tmp_path / "fresh")
    checkout.configure()
    return checkout
