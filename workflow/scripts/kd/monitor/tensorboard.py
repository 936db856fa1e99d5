"""The TensorBoard events of one run: scalars of each epoch, two pictures, and its hyperparameters."""

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
from kd.monitor.hparams import hparams_of
from kd.monitor.images import first_views, hardest

AT_THE_END = ("test_accuracy", "test_loss", "ece", "agreement", "selected_test_accuracy")


class Board:
    """Events in `folder`, from which TensorBoard can be started on any folder above it."""

    def __init__(self, folder: Path) -> None:
        self._writer = SummaryWriter(str(folder))

    def close(self) -> None:
        """Write what is left."""
        self._writer.close()

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

    def end(
        self, results: Mapping[str, Any], split: Split, logits: Tensor, classes: Sequence[str], epochs: int
    ) -> None:
        """What the finished network has come to, and the images of a split that it does worst on.

        logits: (N, C) float32, of the split's images in their order.
        """
        for name in AT_THE_END:
            if results.get(name) is not None:
                self._writer.add_scalar(name, results[name], epochs)
        self._mistakes(split, logits, classes, epochs)
        _, _, end = hparams({}, {})
        self._writer.file_writer.add_summary(end)

    def _mistakes(self, split: Split, logits: Tensor, classes: Sequence[str], epochs: int) -> None:
        labels = split.labels.cpu()
        losses = functional.cross_entropy(logits, labels, reduction="none")
        picture, worst = hardest(split.images, losses)
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
    """The board of a run that begins, closed when the block ends; None for one that has none."""
    if folder is None:
        yield None
        return
    board = Board(folder)
    try:
        board.begin(job, train)
        yield board
    finally:
        board.close()
