"""Compute the logits of a teacher for the un-augmented training images, once for all its students."""

from pathlib import Path

import torch

from kd.data.dataset import read_dataset
from kd.data.loader import load_split
from kd.evaluation.inference import logits_of
from kd.io.arrays import write_rows
from kd.io.log import logger
from kd.networks.checkpoint import load_network
from kd.runtime.device import memory_explained, set_up_device
from kd.settings.compute import Compute


@memory_explained()
def main(dataset: Path, model: Path, train_logits: Path, *, compute: Compute = Compute()) -> None:
    """Write its logits of the un-augmented training images, (samples, classes) float32 as .npy.

    Raises UserError naming the file that is not whole.
    """
    where = set_up_device(compute)
    data = read_dataset(dataset)
    images = load_split(data, "train", where, compute.stream).images
    everything = torch.arange(images.samples, device=where)
    batches = logits_of(load_network(model, where), images, everything, images.plain)
    pieces = (logits.float().cpu().numpy() for logits in batches)
    write_rows(train_logits, (images.samples, len(data.classes)), pieces)
    logger.info("[logits of %s]  %d training images", model.parent.name, images.samples)


if __name__ == "__main__":
    from kd.runtime.script import run

    run(snakemake, main)
