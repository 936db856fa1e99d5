"""What the workflow asks of the machine before any job runs."""

import platform
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from kd.runtime import hardware

SCRIPTS = Path(hardware.__file__).parents[2]
DRIVER = "/proc/driver/nvidia/gpus"


@pytest.fixture
def machine(monkeypatch, tmp_path):
    """A Linux machine with these files, and a PyTorch whose version.py says this of its build."""

    def make(files, build):
        monkeypatch.setattr(platform, "system", lambda: "Linux")
        monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
        (tmp_path / "version.py").write_text(build)
        exists = Path.exists
        known = lambda path: str(path) in files if path.parts[1] in ("proc", "dev") else exists(path)  # noqa: E731
        monkeypatch.setattr(Path, "exists", known)
        spec = SimpleNamespace(origin=str(tmp_path / "__init__.py"))
        monkeypatch.setattr(hardware, "find_spec", lambda name: spec)

    return make


CUDA = "__version__ = '2.15.0+cu132'\ncuda: Optional[str] = '13.2'\nhip: Optional[str] = None\n"
CPU = "__version__ = '2.15.0+cpu'\ncuda: Optional[str] = None\nhip: Optional[str] = None\n"
ROCM = "cuda = None\nhip = '7.1.25424'\n"


@pytest.mark.parametrize(
    ("files", "build", "there"),
    [
        ([DRIVER], CUDA, True),
        (["/dev/nvidiactl"], CUDA, True),
        ([], CUDA, False),
        ([DRIVER], CPU, False),  # its jobs would wait for each other, and compute on the CPU
        (["/dev/kfd"], ROCM, True),
        (["/dev/kfd"], CPU, False),
        ([DRIVER], "a file of another form", True),
    ],
)
def test_a_gpu_is_there_if_pytorch_is_built_for_it(machine, files, build, there):
    machine(files, build)
    assert hardware.has_gpu() is there


@pytest.mark.parametrize("hidden", ["", "-1"])
def test_a_hidden_gpu_is_none(machine, monkeypatch, hidden):
    machine([DRIVER], CUDA)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", hidden)
    assert not hardware.has_gpu()


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="no /proc on this system")
def test_peak_memory_is_that_of_the_largest_moment():
    """In a process of its own, where nothing was as large before."""
    code = f"import sys; sys.path.insert(0, {str(SCRIPTS)!r}); from kd.runtime.hardware import peak_memory\n"
    code += "before = peak_memory(); text = b'x' * 200_000_000; del text; print(peak_memory() - before)"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert 190e6 < int(done.stdout) < 260e6
