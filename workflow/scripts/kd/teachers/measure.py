"""What is measured of a teacher that was not trained here, in the form of a training's metrics."""

import time
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from kd.data.dataset import PARTS, Dataset
from kd.data.loader import load_split
from kd.evaluation.metrics import evaluate, expected_calibration_error
from kd.networks.size import count_macs, count_parameters
from kd.results.metrics import UNKNOWN
from kd.roles import TEACHER
from kd.runtime.device import device_name
from kd.runtime.memory import memory_explained
from kd.runtime.provenance import commit, versions


def measure(
    network: nn.Module, data: Dataset[Tensor], where: torch.device, stream: str, started: float
) -> tuple[dict[str, Any], np.ndarray]:
    """The scores of `network` on all parts of `data`, its size, and what it took since `started`.

    Also its logits on the test part, (N, classes) float32.
    """
    splits = {part: load_split(data, part, where, stream) for part in PARTS}
    with memory_explained(where):
        scores = {part: evaluate(network, split.images, split.labels) for part, split in splits.items()}
    results = UNKNOWN | {"role": TEACHER}
    results |= {f"{part}_loss": score.loss for part, score in scores.items()}
    results |= {f"{part}_accuracy": score.accuracy for part, score in scores.items()}
    results |= {f"selected_{part}_accuracy": scores[part].accuracy for part in ("validation", "test")}
    results |= {"ece": expected_calibration_error(scores["test"].logits, data.test_labels)}
    image = splits["test"].images.take(torch.zeros(1, dtype=torch.int64, device=where), 0)
    results |= {"parameters": count_parameters(network), "macs": count_macs(network, image)}
    results |= {"seconds": time.perf_counter() - started}
    results |= {"device": device_name(where), "versions": versions(), "commit": commit()}
    return results, scores["test"].logits.numpy()
