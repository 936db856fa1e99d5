"""Sessions of onnxruntime on this machine's CPU; without torch, which takes seconds to import."""

from pathlib import Path

import onnxruntime


def session_of(model: Path | bytes, threads: int = 1) -> onnxruntime.InferenceSession:
    """Runs an ONNX model; raises what onnxruntime raises for one that it cannot read."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.log_severity_level = 3  # errors
    source = model if isinstance(model, bytes) else str(model)
    return onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])
