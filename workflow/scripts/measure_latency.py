"""Measure what one image takes in each network of a study, on this machine's CPU. Nothing is trained."""

import logging
from pathlib import Path
from typing import Any

import torch

from kd.export.latency import measure
from kd.io.files import read_json, write_json
from kd.runtime.device import device_name
from kd.runtime.timing import REPETITIONS
from kd.runtime.versions import versions

logger = logging.getLogger("kd")


def main(networks: dict[str, dict[str, Any]], data: Path, latency: Path) -> None:
    """Write `latency`: milliseconds of each of the `networks`, by PyTorch and by onnxruntime.

    `networks`: by name an architecture and its options. `data` is the data set's card (summary.json), which
    says how large an image is. UserError names it if it is not whole.
    """
    card = read_json(data)
    height, width, channels = card["image_shape"]
    image = (channels, height, width)
    found = measure(networks, image, len(card["classes"]))
    for name, times in found.items():
        each = (times[runtime] for runtime in ("pytorch_ms", "onnxruntime_ms"))
        told = [f"{found['median']:.3f} ms" if found else "not measured" for found in each]
        logger.info("%s  PyTorch %s, onnxruntime %s", name, *told)
    about = {"device": device_name(torch.device("cpu")), "threads": 1, "batch": 1, "image": image}
    about |= {"repetitions": REPETITIONS, "versions": versions()}
    write_json(latency, about | {"networks": found})


if __name__ == "__main__":
    from kd.runtime.script import run

    run(snakemake, main)
