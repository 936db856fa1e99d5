"""What several unit tests share and takes a second to make."""

import sys

import pytest


@pytest.fixture(scope="session", autouse=True)
def one_thread_each():
    """More than the cores have would wait for each other; a test file that needs torch has imported it."""
    if torch := sys.modules.get("torch"):
        torch.set_num_threads(1)


@pytest.fixture(scope="session")
def exported_student(tmp_path_factory):
    """A small network that knows digits, exported; see exported.py."""
    from exported import export

    return export(tmp_path_factory.mktemp("exported"))
