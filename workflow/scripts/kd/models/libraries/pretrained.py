"""Pretrained weights, fetched by torch.hub into its own folder, and checked."""

import pickle
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlparse

import torch
from torch import Tensor

from kd.errors import UserError
from kd.io.files import sha256
from kd.io.log import logger

PATIENCE = 60.0  # seconds without an answer; torch.hub would wait for ever
_DIGEST = re.compile(r"-([0-9a-f]{8,})\.")  # in a file's name
_INSTEAD = "or set pretrained: false"


def fetch_checked(title: str, address: str) -> dict[str, Tensor]:
    """The weights at an address whose last part has the first digits of their SHA-256: "name-0123abcd.pth".

    A file that is there already is not fetched again, but checked all the same. Nothing but tensors is read.
    Raises UserError that says where the file should lie where it cannot be fetched, or is another.
    """
    file = Path(torch.hub.get_dir()) / "checkpoints" / Path(urlparse(address).path).name
    try:
        if not file.exists():
            logger.info("%s: fetches %s", title, address)
        elif (named := _DIGEST.search(file.name)) and not (digest := sha256(file)).startswith(named[1]):
            raise UserError(f"{file}: its SHA-256 begins with {digest[:8]}, not as its name says; delete it")
        with _patient():
            return torch.hub.load_state_dict_from_url(
                address, map_location="cpu", progress=False, check_hash=True, weights_only=True
            )
    except (OSError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise UserError(
            f"{title}: its weights could not be fetched from {address} ({reason}); put that file at {file},"
            f" {_INSTEAD}"
        ) from error


@contextmanager
def _patient() -> Iterator[None]:
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(PATIENCE)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)
