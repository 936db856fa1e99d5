"""Safetensors files with facts about what they hold and a checksum over both.

The format itself notices a file that was cut short, but not a bit that has changed.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from kd.io.atomic import atomic
from kd.io.files import reading

if TYPE_CHECKING:
    import torch


PIECE = 2**20  # bytes


class Corrupt(Exception):
    """A file that is cut short, changed since it was written, or was never sealed."""


def write_tensors(path: Path, arrays: Mapping[str, np.ndarray], facts: Mapping[str, Any]) -> None:
    """Write arrays, and facts that JSON can hold, to `path`, which is whole or absent.

    The same content gives the same bytes: there is one metadata key because safetensors shuffles several.
    Raises NotWritten when it cannot be written.
    """
    # safetensors writes the memory of a strided array as it lies, without a word
    plain = {name: np.asarray(array, order="C") for name, array in arrays.items()}
    text = json.dumps(facts)  # in its own order, which a history's columns follow
    seal = json.dumps({"facts": text, "sha256": checksum(plain, text)}, sort_keys=True)
    with atomic(path) as temporary:
        try:
            save_file(plain, temporary, {"sealed": seal})
        except SafetensorError as error:  # so it calls a full disk, among others
            raise OSError(str(error)) from error


def read_tensors(path: Path) -> tuple[dict[str, "torch.Tensor"], dict[str, Any]]:
    """The arrays in `path`, as torch tensors in host memory, and the facts.

    Raises Corrupt if they are not whole, and NotRead if the file cannot be read.
    """
    return read_sealed(path)[:2]


def read_sealed(path: Path) -> tuple[dict[str, "torch.Tensor"], dict[str, Any], str]:
    """What read_tensors reads, and the checksum of it."""
    _read_through(path)
    try:
        with safe_open(path, framework="pt") as file:
            seal = json.loads(file.metadata()["sealed"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (no mapping)
        arrays = {name: tensor.numpy() for name, tensor in tensors.items()}
        if seal["sha256"] != checksum(arrays, seal["facts"]):
            raise Corrupt("its checksum is wrong")
        return tensors, json.loads(seal["facts"]), seal["sha256"]
    except (SafetensorError, KeyError, TypeError, ValueError, RecursionError) as error:
        raise Corrupt(str(error) or type(error).__name__) from error


def read_unchecked(path: Path, name: str) -> np.ndarray:
    """One array of a file, without its checksum; Corrupt if it is cut short, NotRead if it cannot be read."""
    with reading(path), open(path, "rb"):
        pass  # safetensors calls a file missing whatever kept it from opening it
    try:
        with safe_open(path, framework="np") as file:
            return file.get_tensor(name)
    except (SafetensorError, KeyError, TypeError, ValueError) as error:
        raise Corrupt(str(error) or type(error).__name__) from error


def _read_through(path: Path) -> None:
    """NotRead if `path` cannot be read to its end.

    safetensors calls a file missing whatever kept it from opening it, and maps it into memory, where a disk
    that fails ends the process without a word.
    """
    piece = memoryview(bytearray(PIECE))
    with reading(path), open(path, "rb", buffering=0) as file:
        while file.readinto(piece):
            continue


def checksum(arrays: Mapping[str, np.ndarray], facts: str) -> str:
    """SHA-256 of arrays that lie in memory in their order, and of their facts as text: that of a seal."""
    digest = hashlib.sha256(facts.encode())
    for name in sorted(arrays):
        array = arrays[name]
        digest.update(f"{name} {array.dtype} {array.shape}\n".encode())
        digest.update(array)
    return digest.hexdigest()
