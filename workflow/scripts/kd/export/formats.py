"""The files of an exported network: written, and read back as a user would."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from kd.data.dataset import Dataset
from kd.errors import UserError
from kd.export.int8 import write_int8
from kd.export.onnx_file import write_program
from kd.export.pixels import pixels
from kd.export.program import WithNormalisation, program_of
from kd.export.session import session_of
from kd.export.verification import Run
from kd.runtime.timing import milliseconds

FILES = {
    "pytorch": "model.safetensors",
    "program": "model.pt2",
    "onnx": "model.onnx",
    "int8": "model_int8.onnx",
}


def write_formats(
    folder: Path,
    network: WithNormalisation,
    image: tuple[int, int, int],
    calibration: np.ndarray | None,
    notes: Mapping[str, str] = {},
) -> dict[str, Run]:
    """Write the program and the ONNX files; what runs each, as it was read back, by the names of FILES.

    image: (C, H, W). calibration: images (N, C, H, W) uint8 for the int8 file, None for none. notes: metadata
    of the file model.onnx.
    Raises UserError naming the file that cannot be made.
    """
    with _written(FILES["program"]):
        program = program_of(network, image)
        torch.export.save(program, folder / FILES["program"])
        # Not for a file from elsewhere: torch may unpickle it.
        saved = torch.export.load(folder / FILES["program"]).module()
        runs = {"pytorch": _of_torch(network), "program": _of_torch(saved)}
    with _written(FILES["onnx"]):
        write_program(program, folder / FILES["onnx"], notes)
        runs["onnx"] = _of_onnx(folder / FILES["onnx"])
    if calibration is not None:
        with _written(FILES["int8"], "; leave it out with export: {int8: false}"):
            write_int8(folder / FILES["onnx"], folder / FILES["int8"], calibration)
            runs["int8"] = _of_onnx(folder / FILES["int8"])
    return runs


@contextmanager
def _written(name: str, remedy: str = "") -> Iterator[None]:
    """Turn whatever exporters raise into a UserError; errors of the disk stay as they are."""
    try:
        yield
    except OSError:
        raise
    except Exception as error:
        reason = str(error).splitlines()[0][:300] if str(error) else type(error).__name__
        raise UserError(f"{name}: cannot be made of this network ({reason}){remedy}") from error


def times(runs: Mapping[str, Run], data: Dataset[torch.Tensor], batch: int) -> dict[str, dict[str, Any]]:
    """Milliseconds of one test image and of `batch` in each format, by the size: see kd.runtime.timing."""
    by_size = {}
    for size in (1, batch):
        images = pixels(data.test_images, np.arange(size) % len(data.test_labels))
        by_size[str(size)] = milliseconds({name: partial(run, images) for name, run in runs.items()})
    return by_size


def _of_torch(network: nn.Module) -> Run:
    @torch.inference_mode()
    def run(images: np.ndarray) -> np.ndarray:
        return network(torch.from_numpy(images)).numpy()

    return run


def _of_onnx(path: Path) -> Run:
    session = session_of(path)
    return lambda images: session.run(None, {"images": images})[0]
