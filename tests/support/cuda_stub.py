"""A stand-in for the CUDA runtime, under which all of torch's host code for CUDA runs on a machine without a GPU.

Memory of the device is the host's, kernels do nothing, and the rules of stream capture are kept: device checks, the
autograd engine, caching allocators, fused SGD, alerts for operations whose order is not fixed, and CUDAGraph are
torch's own. It says nothing of values, of cuDNN (switched off) or of speed. Built with gcc and preloaded.
"""

import importlib.util
import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

HERE = Path(__file__).parents[1] / "stub_gpu"
UNCACHED = {"PYTORCH_NO_CUDA_MEMORY_CACHING": "1"}  # fresh memory is then zero, and nothing can be recorded
LIBRARIES = ("torch_cuda", "torch_cuda_linalg", "torch_python")  # of torch, which call cuBLAS
# What cuBLAS gives back where torch looks at it; all its other functions return 0.
CUBLAS = {
    "cublasCreate_v2": "int cublasCreate_v2(void**h){static char z[64];*h=z;return 0;}",
    "cublasLtCreate": "int cublasLtCreate(void**h){static char z[64];*h=z;return 0;}",
    "cublasGetMathMode": "int cublasGetMathMode(void*h,int*m){*m=0;return 0;}",
    "cublasGetPointerMode_v2": "int cublasGetPointerMode_v2(void*h,int*m){*m=0;return 0;}",
    "cublasGetVersion_v2": "int cublasGetVersion_v2(void*h,int*v){*v=130400;return 0;}",
    "cublasLtMatmulAlgoGetHeuristic": "int cublasLtMatmulAlgoGetHeuristic(void*h,void*a,void*b,void*c,void*d,void*e,"
    "void*f,int n,void*r,int*count){*count=1;return 0;}",
    "cublasLtMatmulDescCreate": "int cublasLtMatmulDescCreate(void**d,int a,int b){static char z[512];*d=z;return 0;}",
    "cublasLtMatrixLayoutCreate": "int cublasLtMatrixLayoutCreate(void**d,int a,unsigned long r,unsigned long c,"
    "long ld){static char z[512];*d=z;return 0;}",
    "cublasLtMatmulPreferenceCreate": "int cublasLtMatmulPreferenceCreate(void**d){static char z[512];*d=z;return 0;}",
    "cublasLtGetVersion": "unsigned long cublasLtGetVersion(void){return 130400;}",
}


@cache
def lacks(python: str = sys.executable) -> str:
    """Why the stand-in cannot be built for this Python's torch; empty where it can."""
    for tool in ("gcc", "nm"):
        if not shutil.which(tool):
            return f"{tool} is not installed"
    root = _torch(python)
    if not (root / "lib" / "libtorch_cuda.so").exists():
        return "this torch is no CUDA build"
    if not _headers(root):
        return "the headers of the CUDA runtime (nvidia-cuda-runtime) are not beside torch"
    return ""


def build(folder: Path, python: str = sys.executable) -> dict[str, str]:
    """Build the stand-in in `folder`; the variables of a process that runs on it."""
    root = _torch(python)
    names = sorted(
        {name for library in LIBRARIES for name in _cublas_names(root / "lib" / f"lib{library}.so")}
    )
    source = "\n".join(CUBLAS.get(name, f"int {name}(void){{return 0;}}") for name in names)
    (folder / "cublas.c").write_text(source + "\n")
    for name, code in (("cudart", HERE / "cudart.c"), ("cublas", folder / "cublas.c")):
        options = ["-O1", "-w", "-shared", "-fPIC", f"-I{_headers(root)}", f"-I{HERE}"]
        command = ["gcc", *options, "-o", folder / f"lib{name}_stub.so", code, "-lpthread"]
        subprocess.run(command, check=True)
    shutil.copy(folder / "libcudart_stub.so", folder / "libcuda.so.1")
    preload = " ".join(str(folder / f"lib{name}_stub.so") for name in ("cudart", "cublas"))
    mine = {"STUB_GPU": str(folder), "LD_PRELOAD": preload, "LD_LIBRARY_PATH": str(folder)}
    return {**os.environ, **mine, "OMP_NUM_THREADS": "1", "TMPDIR": str(folder)}


def _torch(python: str) -> Path:
    if python == sys.executable:
        return Path(importlib.util.find_spec("torch").origin).parent
    code = "import importlib.util as u; print(u.find_spec('torch').origin)"
    done = subprocess.run([python, "-c", code], capture_output=True, text=True, check=True)
    return Path(done.stdout.strip()).parent


def _headers(root: Path) -> Path | None:
    return next((root.parent / "nvidia").glob("cu[0-9]*/include"), None)


def _cublas_names(library: Path) -> set[str]:
    if not library.exists():
        return set()
    done = subprocess.run(
        ["nm", "-D", "--undefined-only", library], capture_output=True, text=True, check=True
    )
    return {word.partition("@")[0] for word in done.stdout.split() if word.startswith("cublas")}
