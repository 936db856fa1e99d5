"""Measure the latency of one image in each network of a study, on this machine's CPU. Nothing is trained."""

from pathlib import Path
from typing import Any

import torch

from kd.export.latency import measure
from kd.io.files import read_json, write_json
from kd.io.log import logger
from kd.runtime.device import device_name
from kd.runtime.provenance import EXPORT, versions
from kd.runtime.timing import REPETITIONS


def main(networks: dict[str, dict[str, Any]], data: Path, latency: Path) -> None:
    """Write `latency`: milliseconds of each of the `networks`, by PyTorch and by onnxruntime.

    `networks`: by name an architecture and its options. `data` is the data set's card (summary.json), which
    has the shape of an image. UserError names it if it is not whole.
    """
    card = read_json(data)
    height, width, channels = card["image_shape"]
    image = (channels, height, width)
    latencies = measure(networks, image, len(card["classes"]))
    for name, latency_of in latencies.items():
        times = (latency_of[runtime] for runtime in ("pytorch_ms", "onnxruntime_ms"))
        texts = [f"{time['median']:.3f} ms" if time else "not measured" for time in times]
        logger.info("%s  PyTorch %s, onnxruntime %s", name, *texts)
    about = {"device": device_name(torch.device("cpu")), "threads": 1, "batch": 1, "image": image}
    about |= {"repetitions": REPETITIONS, "versions": versions(packages=EXPORT)}
    write_json(latency, about | {"networks": latencies})


if __name__ == "__main__":
    from kd.runtime.script import run

    run(snakemake, main)
