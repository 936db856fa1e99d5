"""What is measured of a teacher that was not trained here, in the form of a training's metrics."""

import time
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from kd.data.dataset import Dataset
from kd.data.loader import load_split
from kd.evaluation.metrics import evaluate, expected_calibration_error, named_scores
from kd.networks.size import size_of
from kd.results.metrics import UNKNOWN
from kd.roles import TEACHER
from kd.runtime.device import device_name
from kd.runtime.provenance import commit, finished, versions


def measure(
    network: nn.Module, data: Dataset[Tensor], where: torch.device, stream: str, started: float
) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """The scores of `network` on all parts of `data`, its size, and what it took since `started`.

    Also its logits (N, classes) float32 on the parts "validation", of which there may be none, and "test".
    """
    splits = {part: load_split(data, part, where, stream) for part in data.parts}
    scores = {part: evaluate(network, split.images, split.labels) for part, split in splits.items()}
    image = splits["test"].images.take(torch.zeros(1, dtype=torch.int64, device=where), 0)
    results = named_scores(scores, data.test_labels) | size_of(network, image)
    if "validation" in scores:
        results |= {f"selected_{part}_accuracy": scores[part].accuracy for part in ("validation", "test")}
    test = scores["test"].logits.numpy()
    validation = scores["validation"].logits.numpy() if "validation" in scores else test[:0]
    return _metrics(results, where, started), {"validation": validation, "test": test}


def measure_logits(
    train: np.ndarray, test: np.ndarray | None, data: Dataset[Tensor], started: float
) -> dict[str, Any]:
    """The scores of logits (N, classes) float32 of the training images, and of the test images if given.

    None for the training images if some of them have no logits (NaN).
    """
    results = {} if np.isnan(train).any() else _scores("train", train, data.train_labels)
    if test is not None:
        results |= _scores("test", test, data.test_labels)
        if "validation" in data.parts:
            results["selected_test_accuracy"] = results["test_accuracy"]
        results["ece"] = expected_calibration_error(torch.from_numpy(test), data.test_labels)
    return _metrics(results, torch.device("cpu"), started)


def _scores(part: str, logits: np.ndarray, labels: Tensor) -> dict[str, float]:
    """Loss in nats and accuracy in percent."""
    outputs = torch.from_numpy(logits)
    right = 100 * (outputs.argmax(1) == labels).double().mean().item()
    return {f"{part}_loss": functional.cross_entropy(outputs, labels).item(), f"{part}_accuracy": right}


def _metrics(results: dict[str, Any], where: torch.device, started: float) -> dict[str, Any]:
    results = UNKNOWN | {"role": TEACHER} | results
    results |= {"seconds": time.perf_counter() - started, "device": device_name(where)}
    return results | {"versions": versions(), "commit": commit(), "finished": finished()}
