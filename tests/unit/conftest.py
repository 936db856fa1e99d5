"""What several unit tests share and takes a second to make."""

import sys

import pytest


@pytest.fixture(scope="session", autouse=True)
def one_thread_each():
    """More than the cores have would wait for each other; a test file that needs torch has imported it."""
    if torch := sys.modules.get("torch"):
        torch.set_num_threads(1)


@pytest.fixture(scope="session")
def shipped(tmp_path_factory):
    """A small network that knows digits, shipped; see shipped.py."""
    from shipped import ship

    return ship(tmp_path_factory.mktemp("shipped"))
