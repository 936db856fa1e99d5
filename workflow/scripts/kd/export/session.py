"""Sessions of onnxruntime on this machine's CPU; without torch, which takes seconds to import."""

from pathlib import Path

import onnxruntime

# Of the files that are exported, and the oldest onnxruntime that runs them.
IR_VERSION, OPSET, OLDEST = 10, 20, "1.18"
LONGEST = 200  # characters of a message


def session_of(model: Path | bytes, threads: int = 1) -> onnxruntime.InferenceSession:
    """Runs an ONNX model; raises what onnxruntime raises for one that it cannot read."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.log_severity_level = 3  # errors
    source = model if isinstance(model, bytes) else str(model)
    return onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])


def reason_of(error: Exception) -> str:
    """What onnxruntime says, in one line; where it is long, its end, which has the reason."""
    text = (str(error).splitlines() or [type(error).__name__])[0]
    text = text if len(text) <= LONGEST else f"... {text[-LONGEST:]}"
    here = tuple(int(part) for part in onnxruntime.__version__.split(".")[:2])
    old = here < tuple(map(int, OLDEST.split(".")))
    return text + (f"; this is onnxruntime {onnxruntime.__version__}, {OLDEST} is needed" if old else "")
