"""ONNX files of networks."""

import io
import warnings
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import onnx
import torch
from torch import Tensor, nn
from torch.export import ExportedProgram

NAMES = {"input_names": ["images"], "output_names": ["logits"]}
# Without the warnings of an exporter, about which a user can do nothing.
QUIET = partial(warnings.catch_warnings, action="ignore")


def write_program(program: ExportedProgram, path: Path, notes: Mapping[str, str]) -> None:
    """Write a program whose first dimension, `batch`, is dynamic as ONNX: `images` in, `logits` out.

    `notes` are the metadata of the file.
    """
    with QUIET():
        made = torch.onnx.export(program, (), dynamo=True, verbose=False, **NAMES)
    write_plain(made.model_proto, path, notes)


def write_plain(model: onnx.ModelProto, path: Path, notes: Mapping[str, str] = {}) -> None:
    """Write a model without what exporters note beside it: half of a small file, and whose it is.

    Only `notes` are its metadata.
    """
    batch = model.graph.input[0].type.tensor_type.shape.dim[0]
    _clear(model, batch.dim_param)
    onnx.helper.set_model_props(model, dict(sorted(notes.items())))
    path.write_bytes(model.SerializeToString(deterministic=True))


def _clear(message: Any, batch: str) -> None:
    """Empty the notes of a message at any depth, and call the dimension `batch` so."""
    for field, value in message.ListFields():
        if field.name in ("metadata_props", "doc_string"):
            message.ClearField(field.name)
        elif field.name == "dim_param":
            message.dim_param = "batch" if value == batch else value
        elif field.type == field.TYPE_MESSAGE:
            for part in [value] if hasattr(value, "ListFields") else value:
                _clear(part, batch)


def traced(network: nn.Module, images: Tensor) -> bytes:
    """ONNX of a network in eval mode, by the exporter that torch has had for long, which is deprecated.

    It takes a twentieth of the other's time, and onnxruntime makes the same operators of both. The file is
    for batches of the size of `images`.
    """
    file = io.BytesIO()
    with QUIET(), torch.no_grad():
        torch.onnx.export(network, (images,), file, dynamo=False, **NAMES)
    return file.getvalue()


def translated(network: nn.Module, images: Tensor) -> bytes:
    """The same by the exporter that replaces it."""
    with QUIET(), torch.no_grad():
        made = torch.onnx.export(network, (images,), dynamo=True, verbose=False, **NAMES)
    return made.model_proto.SerializeToString()
