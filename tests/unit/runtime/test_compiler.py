"""What torch.compile needs, asked before it is chosen."""

import sysconfig

import pytest
import torch

from kd.runtime import compiler
from kd.runtime.compiler import lacking

CPU, CUDA = torch.device("cpu"), torch.device("cuda")


@pytest.fixture
def complete(monkeypatch, tmp_path):
    """A machine that has everything; the names of its programs, and where Python.h is."""
    programs = {"gcc", "g++"}
    (tmp_path / "Python.h").touch()
    monkeypatch.delenv("CC", raising=False)
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.setattr(compiler.shutil, "which", lambda name: name if name in programs else None)
    monkeypatch.setattr(sysconfig, "get_paths", lambda: {"include": str(tmp_path)})
    monkeypatch.setattr(compiler, "find_spec", lambda name: name)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (9, 0))
    return programs, tmp_path / "Python.h"


@pytest.mark.parametrize("device", [CPU, CUDA])
def test_a_complete_machine_lacks_nothing(complete, device):
    assert lacking(device) == ""


@pytest.mark.parametrize(("device", "names"), [(CPU, "g++, clang++"), (CUDA, "gcc, clang")])
def test_a_compiler(complete, device, names):
    complete[0].clear()
    assert lacking(device) == f"there is no compiler ({names})"
    complete[0].add(names.split(", ")[1])
    assert lacking(device) == ""


@pytest.mark.parametrize(("device", "variable"), [(CPU, "CXX"), (CUDA, "CC")])
def test_the_compiler_that_the_environment_names(complete, monkeypatch, device, variable):
    monkeypatch.setenv(variable, "/opt/none/cc")
    assert lacking(device) == f"{variable}=/opt/none/cc is no compiler"


@pytest.mark.parametrize("device", [CPU, CUDA])
def test_the_header_files_of_python(complete, device):
    complete[1].unlink()
    assert lacking(device) == "Python's header files (Python.h) are not installed"


def test_triton_and_a_gpu_that_it_writes_code_for(complete, monkeypatch):
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (6, 1))
    assert lacking(CUDA) == "the GPU's compute capability is below 7.0"
    monkeypatch.setattr(compiler, "find_spec", lambda name: None)
    assert lacking(CUDA) == "triton is not installed"
    assert lacking(CPU) == ""
