"""The TensorBoard events of one run: scalars of each epoch, two pictures, and its hyperparameters."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from torch import Tensor
from torch.nn import functional
from torch.utils.tensorboard import SummaryWriter
from torch.utils.tensorboard.summary import hparams

from kd.data.views import Split, ViewedImages
from kd.jobs.training import TrainJob
from kd.monitor.images import first_views, hardest
from kd.roles import ALONE

AT_THE_END = ("test_accuracy", "test_loss", "ece", "agreement", "selected_test_accuracy")


class Board:
    """The events of one run."""

    def __init__(self, writer: SummaryWriter) -> None:
        self._writer = writer

    def begin(self, job: TrainJob, train: ViewedImages) -> None:
        """The hyperparameters of the job, and the first images that its network sees."""
        # Not the summary of the experiment that `hparams` makes: it would need the values of all other runs.
        _, start, _ = hparams(hparams_of(job), {})
        self._writer.file_writer.add_summary(start)
        epoch = job.recipe.epochs if job.epochs > job.recipe.epochs else 0  # as the engine numbers them
        picture = first_views(train, job.seed, epoch)
        self._writer.add_image("views of the first epoch", picture, 0, dataformats="HWC")

    def epoch(self, row: Mapping[str, float]) -> None:
        """All that was measured in an epoch, the learning rate among it."""
        for name in row.keys() - {"epoch"}:
            self._writer.add_scalar(name, row[name], row["epoch"])

    def end(self, results: Mapping[str, Any], epochs: int) -> None:
        """What the finished network has come to."""
        for name in AT_THE_END:
            if results.get(name) is not None:
                self._writer.add_scalar(name, results[name], epochs)
        _, _, end = hparams({}, {})
        self._writer.file_writer.add_summary(end)

    def mistakes(self, validation: Split, logits: Tensor, classes: Sequence[str], epochs: int) -> None:
        """The validation images that the finished network does worst on.

        logits: (N, C) float32, of the split's images in their order.
        """
        labels = validation.labels.cpu()
        losses = functional.cross_entropy(logits, labels, reduction="none")
        picture, worst = hardest(validation.images, losses)
        name = "validation images with the largest loss"
        self._writer.add_image(name, picture, epochs, dataformats="HWC")
        predicted = logits.argmax(1)
        lines = [
            f"{place}. {classes[labels[image]]}, predicted as {classes[predicted[image]]},"
            f" loss {losses[image]:.3f}"
            for place, image in enumerate(worst.tolist(), 1)
        ]
        self._writer.add_text(name, "\n".join(lines), epochs)


@contextmanager
def opened_board(folder: Path | None, job: TrainJob, train: ViewedImages) -> Iterator[Board | None]:
    """The board of a run that begins, closed when the block ends; None for one that has no `folder` for it.

    TensorBoard can be started on any folder above.
    """
    if folder is None:
        yield None
        return
    with SummaryWriter(str(folder)) as writer:
        board = Board(writer)
        board.begin(job, train)
        yield board


def hparams_of(job: TrainJob) -> dict[str, bool | float | str]:
    """What the HParams tab compares: every value that makes this run, by name.

    What one run has and another has not is left empty there, as are newer keys of the recipe at their
    defaults.

    An option of a method is called `method.temperature` in all methods, so that these are compared in one
    column; of a sum of methods that share it, `method.kd.temperature`. `base method` is the method's name in
    the code, "kd + crd" of a sum, so that it can be grouped by, whatever the study calls its methods.
    """
    values = {
        "role": "baseline" if job.role == ALONE else job.role,
        "network": job.name,
        "architecture": job.architecture,
        "teacher": job.teacher,
        "method": job.method_name,
        "base method": " + ".join(name for name, _ in job.methods),
        "seed": job.seed,
    }
    values |= {f"recipe.{name}": value for name, value in job.recipe.kept().items()}
    values |= {f"augmentation.{name}": value for name, value in job.augmentation.items()}
    values |= {f"network.{name}": value for name, value in job.options.items()}
    shared = Counter(name for _, options in job.methods for name in options)
    for method, options in job.methods:
        for name, value in options.items():
            values[f"method.{method}.{name}" if shared[name] > 1 else f"method.{name}"] = value
    return {name: _plain(value) for name, value in values.items() if value is not None}


def _plain(value: Any) -> bool | float | str:
    """TensorBoard knows no lists."""
    if isinstance(value, list | tuple):
        return ", ".join(str(element) for element in value) or "none"
    return value if isinstance(value, bool | int | float | str) else str(value)
