"""ONNX files of networks."""

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.export import ExportedProgram

NAMES = {"input_names": ["images"], "output_names": ["logits"]}


def write_program(program: ExportedProgram, path: Path) -> None:
    """Write a program whose first dimension is dynamic as ONNX: `images` in, `logits` out."""
    with _quiet():
        torch.onnx.export(program, (), path, dynamo=True, external_data=False, verbose=False, **NAMES)


def traced(network: nn.Module, images: Tensor) -> bytes:
    """ONNX of a network in eval mode, by the exporter that torch has had for long, which is to go one day.

    It takes a twentieth of the other's time, and onnxruntime makes the same operators of both. What it is
    given here are batches of the size of `images`.
    """
    file = io.BytesIO()
    with _quiet(), torch.no_grad():
        torch.onnx.export(network, (images,), file, dynamo=False, **NAMES)
    return file.getvalue()


def translated(network: nn.Module, images: Tensor) -> bytes:
    """The same by the exporter that is to stay."""
    with _quiet(), torch.no_grad():
        made = torch.onnx.export(network, (images,), dynamo=True, verbose=False, **NAMES)
    return made.model_proto.SerializeToString()


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the warnings of an exporter, which tell a user of nothing that can be done."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
