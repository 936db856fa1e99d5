"""The CUDA path on a machine without a GPU: PyTorch's host code for CUDA on a stand-in for the CUDA runtime.

STUB_PYTHON names another Python to run on, such as one with the lowest version of PyTorch that is supported.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import cuda_stub
import pytest

HERE = Path(__file__).parent
SCRIPTS = HERE.parents[1] / "workflow" / "scripts"
SUPPORT = HERE.parent / "support"
OTHER = os.environ.get("STUB_PYTHON")


@pytest.fixture(scope="session")
def stubs(tmp_path_factory):
    """Variables of a process on the stand-in, by the Python that it is built for."""
    built = {}

    def variables(python):
        if python not in built:
            if reason := cuda_stub.lacks(python):
                pytest.skip(reason)
            built[python] = cuda_stub.build(tmp_path_factory.mktemp("stub"), python)
        return built[python]

    return variables


def complaints(stubs, what, *only, python=sys.executable, **more):
    """What each case of a kind says is wrong, by name."""
    variables = stubs(python) | {
        "STUB_DEVICES": "2",
        "PYTHONPATH": os.pathsep.join(map(str, (SCRIPTS, HERE, SUPPORT))),
    }
    command = [python, HERE / "cases.py", what, *only]
    done = subprocess.run(
        command, env=variables | more, cwd=variables["STUB_GPU"], capture_output=True, text=True, timeout=1800
    )
    assert done.returncode == 0, done.stderr[-3000:]
    rows = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    return {row["name"]: row["complaints"] for row in rows}


def only_wrong(cases):
    assert cases
    return {name: texts for name, texts in cases.items() if texts}


def test_the_path_from_a_step_to_a_whole_training(stubs):
    assert only_wrong(complaints(stubs, "quick")) == {}


@pytest.fixture(scope="session")
def mistakes(stubs):
    return complaints(stubs, "wrong")


@pytest.mark.full
@pytest.mark.parametrize(
    ("mistake", "complaint"),
    [
        ("a number is read back", "waits for the device"),
        ("a tensor of the host", "Expected all tensors to be on the same device"),
        ("a copy from the host", "waits for the device"),
        ("an order that is not fixed", "does not have a deterministic implementation"),
    ],
)
def test_a_mistake_is_noticed(mistakes, mistake, complaint):
    assert any(complaint in text for text in mistakes[mistake]), mistakes[mistake]


@pytest.mark.full
@pytest.mark.parametrize("what", ["methods", "networks"])
def test_every_method_and_network(stubs, what):
    assert only_wrong(complaints(stubs, what)) == {}


@pytest.mark.full
def test_the_scripts_on_a_gpu(stubs):
    assert only_wrong(complaints(stubs, "scripts", **cuda_stub.UNCACHED)) == {}


@pytest.mark.full
@pytest.mark.skipif(not OTHER, reason="STUB_PYTHON names no other Python, such as one with PyTorch 2.11")
@pytest.mark.parametrize("what", ["engine", "methods", "networks"])
def test_with_another_version_of_pytorch(stubs, what):
    assert only_wrong(complaints(stubs, what, python=OTHER)) == {}
