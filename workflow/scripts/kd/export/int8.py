"""A network's ONNX file with weights and activations of eight bits."""

import logging
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import onnx
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

from kd.export.onnx_file import write_plain

BATCH = 32  # images that calibration runs together


class _Batches(CalibrationDataReader):
    """Images (N, C, H, W) uint8, a batch at a time."""

    def __init__(self, images: np.ndarray) -> None:
        batches = np.split(images, range(BATCH, len(images), BATCH))
        self._left = iter([{"images": batch} for batch in batches])

    def get_next(self) -> dict[str, np.ndarray] | None:
        """The next batch by the name of the input; None after the last."""
        return next(self._left, None)


def write_int8(model: Path, path: Path, images: np.ndarray) -> None:
    """Quantise an ONNX file statically: its activations by the ranges that they have on `images`.

    images: (N, C, H, W) uint8 of the training split. Each output channel of a weight has a scale of its own.
    """
    with tempfile.TemporaryDirectory(dir=path.parent) as folder, _quiet():
        prepared = Path(folder) / "prepared.onnx"  # batch norms folded, shapes written down
        rounded = Path(folder) / "rounded.onnx"
        # The symbolic inference of shapes is for transformers, and fails where a maximum is taken over maps.
        quant_pre_process(model, prepared, skip_symbolic_shape=True)
        quantize_static(
            prepared,
            rounded,
            _Batches(images),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            reduce_range=True,  # weights of seven bits: sums of two products of eight overflow without VNNI
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
        )
        write_plain(onnx.load(rounded), path)


@contextmanager
def _quiet() -> Iterator[None]:
    """Without advice on steps that have been taken."""
    root = logging.getLogger()
    before = root.level
    root.setLevel(logging.ERROR)
    try:
        yield
    finally:
        root.setLevel(before)
