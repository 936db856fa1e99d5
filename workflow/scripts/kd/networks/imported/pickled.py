"""Checkpoints that torch.save wrote, of which tensors and plain values are read and nothing is run."""

import re
import warnings
from pathlib import Path
from typing import Any

import torch
from torch.serialization import safe_globals

from kd.errors import UserError

LONGEST = 120  # signs of a library's reason in a message

# Objects that training scripts keep beside the weights. A file with them is read without them: where it has
# one, it gets a _LeftOut, and neither their classes nor what could be run at their making is loaded.
BESIDE = (
    "argparse.Namespace",
    "datetime.datetime",
    "datetime.timedelta",
    "easydict.EasyDict",
    "types.SimpleNamespace",
    *(f"pathlib{module}.{kind}Path" for module in ("", "._local") for kind in ("Posix", "Windows")),
    *(
        f"numpy.{core}.multiarray.{maker}"
        for core in ("core", "_core")
        for maker in ("scalar", "_reconstruct")
    ),
    "numpy.dtype",
    "numpy.ndarray",
    *(f"numpy.dtypes.{kind}DType" for kind in ("Float16", "Float32", "Float64", "Int32", "Int64", "Bool")),
)
SAVE_THEM = (
    "load it where it was made and save the weights alone: torch.save(model.state_dict(), 'weights.pth')"
)


class _LeftOut:
    """Stands in a file's content where an object of another class was, and keeps nothing of it."""

    def __new__(cls, *args: Any, **kwargs: Any) -> "_LeftOut":
        return super().__new__(cls)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        pass

    def __setstate__(self, state: Any) -> None:
        pass


def read_pickled(path: Path) -> Any:
    """What torch.save wrote to `path`, in host memory, without objects of any class but tensors' own.

    Raises UserError naming the file if it is not whole, or holds objects that cannot be left out.
    """
    try:
        # A file and no path, whose suffix would have a say; warnings are of what becomes an error just after.
        beside = safe_globals([(_LeftOut, name) for name in BESIDE])
        with open(path, "rb") as file, beside, warnings.catch_warnings(action="ignore"):
            return torch.load(file, map_location="cpu", weights_only=True)
    except MemoryError:
        raise
    except Exception as error:  # a file from elsewhere can be wrong in more ways than its reader knows
        raise UserError(f"{path}: {_reason(error)}") from error


def _reason(error: Exception) -> str:
    text = str(error)
    if name := re.search(r"GLOBAL ([\w.]+)", text):
        where = name[1][:LONGEST]
        return f"holds objects of Python ({where}), which are not read, as they can run code; {SAVE_THEM}"
    if "TorchScript" in text:
        return f"is a TorchScript program, of which the weights are not read; {SAVE_THEM}"
    inner = re.search(r"Unpickler error:\s*(\S.*)", text)
    line = inner[1] if inner else next(iter(text.splitlines()), "") or type(error).__name__
    return f"not a whole checkpoint of PyTorch ({line.partition('. ')[0].rstrip('.')[:LONGEST]})"
