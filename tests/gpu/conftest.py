"""What every test on a GPU has: the device, set up as a job's, and a time that it ends by."""

import faulthandler
import signal

import pytest
import torch

from kd.runtime.device import set_up_device
from kd.settings.compute import Compute

SECONDS = 60  # of a test
LONGER = {"compil": 180, "killed": 300}  # by a word of its name: the compiler alone takes long; whole studies


def pytest_collection_modifyitems(items):
    """Without a GPU there is nothing to show."""
    if not torch.cuda.is_available():
        for item in items:
            if item.path.parent.name == "gpu":
                item.add_marker(pytest.mark.skip(reason="no CUDA device on this machine"))


@pytest.fixture(autouse=True)
def time_limit(request):
    """A test that hangs fails; one that cannot be interrupted ends the session, with where it was."""
    seconds = next((longer for word, longer in LONGER.items() if word in request.node.name), SECONDS)

    def end(number, frame):
        raise TimeoutError(f"longer than {seconds} s")

    before = signal.signal(signal.SIGALRM, end)
    signal.alarm(seconds)
    faulthandler.dump_traceback_later(seconds + 20, exit=True)
    yield
    faulthandler.cancel_dump_traceback_later()
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture
def cuda():
    """The device, as every job sets it up."""
    yield set_up_device(Compute())
    torch.set_deterministic_debug_mode("default")
