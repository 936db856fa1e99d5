"""An exported student, as one who has nothing but its folder uses it. Nothing in it is unpickled."""

import math
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from PIL import Image
from scipy.special import softmax

from kd.errors import UserError
from kd.export.pictures import read
from kd.export.session import reason_of, session_of
from kd.io.files import read_json, sha256
from kd.runtime.hardware import cpu_count

BATCH = 64
WORKERS = 4  # decoders of images release the interpreter's lock


@dataclass(frozen=True)
class Exported:
    """The network in the file `path`, what its images are (C, H, W), and what its classes are called."""

    path: Path
    session: onnxruntime.InferenceSession
    shape: tuple[int, int, int]
    classes: tuple[str, ...]
    temperature: float = 1.0  # that the logits are divided by
    threshold: float = 0.0  # a prediction whose probability is below it is rejected

    def probabilities(self, images: np.ndarray) -> np.ndarray:
        """(B, classes) float64 of images (B, C, H, W) uint8; UserError if the network fails on them."""
        try:
            (logits,) = self.session.run(None, {"images": images})
        except Exception as error:  # of onnxruntime, which has many kinds
            raise UserError(f"{self.path}: fails while it runs: {reason_of(error)}") from error
        return softmax(logits.astype(np.float64) / self.temperature, axis=1)

    def predictions(self, files: list[str]) -> Iterator[tuple[str, np.ndarray | str]]:
        """Each file, in order, with its probabilities (classes,) float64, or why there are none."""
        Image.init()  # all formats now: threads that load them at the same time can miss one
        with ThreadPoolExecutor(WORKERS) as pool:
            for first in range(0, len(files), BATCH):
                part = files[first : first + BATCH]
                pictures = list(pool.map(self._read, part))  # or errors, as text
                whole = [pixels for pixels in pictures if not isinstance(pixels, str)]
                rows = iter(self.probabilities(np.stack(whole)) if whole else [])
                for file, pixels in zip(part, pictures, strict=True):
                    yield file, pixels if isinstance(pixels, str) else next(rows)

    def _read(self, file: str) -> np.ndarray | str:
        try:
            return read(file, self.shape)
        except UserError as error:
            return str(error)


def load_exported(folder: Path, file: str = "model.onnx", *, calibrated: bool = False) -> Exported:
    """The network in `file` of a folder that `snakemake export` made.

    `calibrated`: with the temperature and the rejection threshold that the folder recommends.
    Raises UserError naming what is missing, damaged, or not what the folder's config.json describes.
    """
    lacking = [name for name in ("config.json", file) if not (folder / name).is_file()]
    if lacking:
        raise UserError(
            f"{folder}: holds no {lacking[0]}; it has to be a folder that `snakemake export` made, such as"
            " results/digits/export/resnet18/cnn/kd"
        )
    shape, classes, known, calibration = _config(folder / "config.json")
    if known.get(file) != sha256(folder / file):
        raise UserError(f"{folder / file}: is not the file that was exported (its SHA-256 differs)")
    try:
        session = session_of(folder / file, cpu_count())
        (images,), (logits,) = session.get_inputs(), session.get_outputs()
    except Exception as error:  # of onnxruntime, which has many kinds
        raise UserError(f"{folder / file}: cannot be run: {reason_of(error)}") from error
    facts = images.name, images.type, tuple(images.shape[1:]), logits.shape[-1]
    if facts != ("images", "tensor(uint8)", shape, len(classes)):
        raise UserError(f"{folder / file}: is not the network that config.json describes")
    made = Exported(folder / file, session, shape, classes)
    return replace(made, **_values(folder / "config.json", calibration)) if calibrated else made


def _values(path: Path, calibration: Any) -> dict[str, float]:
    """The temperature and the threshold in a config.json; those that change nothing where they are null."""
    if calibration is None:
        raise UserError(f"{path}: recommends no temperature and no threshold: there was no validation split")
    try:
        temperature, threshold = calibration["temperature"], calibration["rejection_threshold"]
        values = {"temperature": float(temperature or 1), "threshold": float(threshold or 0)}
    except (KeyError, TypeError, ValueError) as error:
        raise _no_export(path, error) from error
    if not (0 < values["temperature"] < math.inf and 0 <= values["threshold"] <= 1):
        raise UserError(f"{path}: not that of an export (calibration: {values})")
    return values


def _config(path: Path) -> tuple[tuple[int, int, int], tuple[str, ...], dict[str, str], Any]:
    """Shape of an image, names of the classes, SHA-256 of the files, and what is said of calibration."""
    config = read_json(path)
    try:
        height, width = config["image_size"]
        names = dict(config["id2label"])
        classes = tuple(str(names[str(number)]) for number in range(len(names)))
        shape, known = (config["num_channels"], height, width), dict(config["sha256"])
    except (KeyError, TypeError, ValueError) as error:
        raise _no_export(path, error) from error
    if not classes:
        raise UserError(f"{path}: not that of an export (it names no classes)")
    if shape[0] not in (1, 3) or height != width:
        raise UserError(f"{path}: images of {shape}, which picture files are not; see README.md beside it")
    return shape, classes, known, config.get("calibration")


def _no_export(path: Path, error: Exception) -> UserError:
    return UserError(f"{path}: not that of an export ({type(error).__name__}: {error})")
