"""What several unit tests share and takes a second to make."""

import pickle
import sys

import pytest


@pytest.fixture(scope="session", autouse=True)
def one_thread_each():
    """More than the cores have would wait for each other; a test file that needs torch has imported it."""
    if torch := sys.modules.get("torch"):
        torch.set_num_threads(1)


@pytest.fixture(scope="session")
def exported_student(made_once):
    """A small network that knows digits, exported; see exported.py."""
    from exported import export

    def fill(folder):
        folder.mkdir()
        (folder / "student.pickle").write_bytes(pickle.dumps(export(folder)))

    return pickle.loads((made_once("exported", fill) / "student.pickle").read_bytes())
