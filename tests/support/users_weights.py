"""A small network whose weights are a user's, and what is read of a file of them."""

import torch

from kd.networks.factory import build_network
from kd.networks.imported.files import read_weights
from kd.plan.user_files import content

OPTIONS = {"channels": [4, 8], "width": 1.0}
ABOUT = {"architecture": "cnn", "options": OPTIONS}


def cnn(seed=0):
    torch.manual_seed(seed)
    return build_network("cnn", OPTIONS, 1, 3)


def read(path):
    return read_weights(path, content(str(path), "x", path.parent / "cache"), ABOUT)
