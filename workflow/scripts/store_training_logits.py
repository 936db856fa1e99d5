"""Run a teacher once over the training images as they are, for all its students."""

import logging
from pathlib import Path

import torch

from kd.checkpoint import load_network
from kd.compute import Compute
from kd.data import read_dataset
from kd.device import set_up
from kd.diagnosis.rows import write_rows
from kd.inference import answers
from kd.limits import memory_explained
from kd.splits import labelled

logger = logging.getLogger("kd")


def main(dataset: Path, model: Path, train_logits: Path, *, compute: Compute = Compute()) -> None:
    """Write its logits of the un-augmented training images, (samples, classes) float32 as .npy.

    Raises UserError naming the file that is not whole.
    """
    where = set_up(compute)
    data = read_dataset(dataset)
    with memory_explained(where):
        images = labelled(data, "train", where, compute.stream).images
        everything = torch.arange(images.samples, device=where)
        found = answers(load_network(model, where), images, everything, images.plain)
        pieces = (logits.float().cpu().numpy() for logits in found)
        write_rows(train_logits, (images.samples, len(data.classes)), pieces)
    logger.info("[logits of %s]  %d training images", model.parent.name, images.samples)


if __name__ == "__main__":
    from kd.script import run

    run(
        snakemake.log[0],
        main,
        dataset=Path(snakemake.input.dataset),
        model=Path(snakemake.input.model),
        train_logits=Path(snakemake.output.train_logits),
        compute=Compute(**snakemake.config["compute"]),
    )
