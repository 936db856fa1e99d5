"""Who takes part in a training: the network that learns, its method, and its teacher."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from kd.data.dataset import Dataset
from kd.data.rows import Rows
from kd.data.views import ViewedImages
from kd.distillation.base import Context, Distillation
from kd.distillation.combined import build_methods
from kd.errors import UserError
from kd.io.log import logger
from kd.jobs.training import TrainJob
from kd.networks.checkpoint import build_again, load_network
from kd.networks.factory import build_network
from kd.networks.limits import check_image, check_memory
from kd.networks.placement import place
from kd.networks.synchronised import with_synchronised_norms
from kd.settings.recipe import Recipe
from kd.teachers.targets import open_targets
from kd.teachers.teacher import CachedTeacher, LiveTeacher, Teacher, first_logits

# What a method may need of its teacher and is not stored, in words.
NOT_STORED = {"stages": "its feature maps", "network": "its layers"}


@dataclass(frozen=True)
class Setup:
    """All of it on the device, and prepared for each other."""

    network: nn.Module
    about: dict[str, Any]  # what builds such a network again
    method: Distillation
    teacher: nn.Module | None  # None where there is no teacher, or its logits are cached

    def of_teacher(self, *, stored: bool) -> str | None:
        """Whether the method reads stored logits or runs the teacher, and why; None without a teacher."""
        if stored:
            return "teacher: stored logits, because the method needs nothing else of it"
        if self.teacher is None:
            return None
        needed = [text for need, text in NOT_STORED.items() if need in self.method.NEEDS]
        needs = (
            f"the method needs {' and '.join(needed)}"
            if needed
            else "none of its logits are stored (targets:)"
        )
        return f"teacher: runs in every step, because {needs}"


def set_up(
    job: TrainJob,
    data: Dataset[Tensor],
    device: torch.device,
    teacher_model: Path | None,
    targets: Sequence[Path],
    images: ViewedImages,
    *,
    synchronised: bool = False,
) -> Setup:
    """The network with its first weights, the method, and the teacher unless `targets` have its logits.

    `targets` are notes as in `teacher_for`, images those of the training. `synchronised`: batch norm is over
    the batches of all ranks, which then begin alike.
    Raises UserError for a network that the device cannot hold or the images do not fit, for a pair that the
    method cannot be for, and naming the teacher's file if that is not whole.
    """
    image = (data.train_images.shape[3], *data.train_images.shape[1:3])
    about = {"architecture": job.architecture, "options": job.options}
    about |= {"in_channels": image[0], "num_classes": len(data.classes)}
    network = _first_weights(job, partial(build_network, *about.values()), device)
    check_image(network, job.architecture, image, device)
    method = build_methods(job.methods)
    if targets and method.preliminary:
        raise UserError(
            "targets: no teacher logits are cached for epochs that a method has before the recipe's; use live"
        )
    teacher = load_network(teacher_model, device) if teacher_model and not targets else None
    setup = Setup(network, about, method, teacher)

    def teacher_logits() -> Tensor:
        return first_logits(teacher_for(job, setup, targets, images), images, job.seed)

    known = image, len(data.classes), data.train_labels.to(device), job.recipe.epochs
    anew = partial(build_again, teacher_model, device) if teacher else None
    first = teacher_logits if targets or teacher else None
    of_teacher = {"new_teacher": anew, "teacher_logits": first}
    more = {"members": len(job.weights), "batch_size": job.recipe.batch_size}
    method.prepare(Context(network, teacher, *known, **more, **of_teacher))
    # As the networks lie in memory on a GPU, so that what a method owns meets their maps in their own order.
    method.to(device, **({"memory_format": torch.channels_last} if device.type == "cuda" else {}))
    place(network, device)  # and what the method may have added
    if synchronised:
        network, method = map(with_synchronised_norms, (network, method))
        if method.batch_statistics:
            teacher = with_synchronised_norms(teacher)
    return replace(setup, network=network, method=method, teacher=teacher)


def _first_weights(job: TrainJob, build: partial, device: torch.device) -> nn.Module:
    check_memory(build, device)
    # Before the network: its first weights are drawn here. Seeds are below 2**31, so no two draws are alike.
    torch.manual_seed(job.seed + 2**31 * job.draw)
    network = build()
    if hasattr(network, "load_pretrained"):  # of a library; what is read from a file later has weights
        network.load_pretrained()
    return place(network, device)


def teacher_for(job: TrainJob, setup: Setup, targets: Sequence[Path], images: ViewedImages) -> Teacher | None:
    """The teacher of a training on `images`: its network, or its cached logits.

    `targets`: the notes that say where these are, one for each network of the teacher. Raises UserError
    naming a table that does not hold what the run will see.
    """
    if targets:
        rows = Rows(images.augmentation, job.seed, images.samples)
        stored = [open_targets(note, rows, job.recipe.epochs, images.device) for note in targets]
        return CachedTeacher(stored, images.device, job.weights, setup.method.softened_at)
    if setup.teacher is None:
        return None
    method = setup.method
    return LiveTeacher(
        setup.teacher, stages="stages" in method.NEEDS, batch_statistics=method.batch_statistics
    )


def check_batch(batch_size: int, samples: int, ranks: int = 1) -> None:
    """UserError if a batch would be larger than the training split, or too small for the ranks."""
    if batch_size < 2 * ranks:
        raise UserError(
            f"batch_size: {batch_size} is too small for compute.gpus_per_job: {ranks}; at least {2 * ranks}"
            " is allowed, two images for each GPU"
        )
    if batch_size > samples:
        raise UserError(
            f"batch_size: {batch_size} is more than the {samples} training images; at most {samples} is"
            " allowed (in recipe, or for this network alone)"
        )


def note_slow_average(label: str, recipe: Recipe, samples: int) -> None:
    """A warning where the first, random weights would be more than a hundredth of an average at its end."""
    steps = recipe.epochs * -(-samples // recipe.batch_size)
    if recipe.ema and (share := recipe.ema**steps) > 0.01:
        text = "%s  ema: %g is too slow for %d steps: the first weights are %.0f %% of the average at its end"
        logger.warning(f"{text}; lower it", label, recipe.ema, steps, 100 * share)
