"""Logits that a run has written down."""

from pathlib import Path

import numpy as np

from kd.errors import UserError


def read_logits(path: Path, samples: int, classes: int, *, may_be_empty: bool = False) -> np.ndarray:
    """Logits (samples, classes) float of a .npy file, mapped into memory and not to be written to.

    `may_be_empty`: (0, classes) is allowed as well, as a run writes them that has none. Raises UserError
    naming the file if it is not whole, of another shape, or holds no floating-point numbers.
    """
    try:
        logits = np.lib.format.open_memmap(path, mode="r")  # np.load would take an archive, too
    except (OSError, ValueError, EOFError) as error:
        raise UserError(f"{path}: not whole ({error}); delete it to have it made again") from error
    allowed = [(samples, classes), *([(0, classes)] if may_be_empty else [])]
    if logits.shape not in allowed or logits.dtype.kind != "f":
        raise UserError(
            f"{path}: holds {logits.shape} {logits.dtype}, not {(samples, classes)} float; delete it to have"
            " it made again"
        )
    return logits
