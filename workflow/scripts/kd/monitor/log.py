"""What a training reports while it runs: a line per epoch, TensorBoard events, how far it is."""

import logging
import time

from kd.monitor.clock import clock_time
from kd.monitor.progress import ProgressFile
from kd.monitor.tensorboard import Board
from kd.training.callback import Callback

logger = logging.getLogger("kd")
EVERY = 20.0  # seconds after which a long epoch reports how far it is


class TrainingLog(Callback):
    """Reports the epochs of one run to its log, and to a board and a progress file where there are."""

    def __init__(
        self,
        label: str,
        epochs: int,
        samples: int,
        board: Board | None = None,
        progress: ProgressFile | None = None,
    ) -> None:
        self._label, self._epochs, self._samples = label, epochs, samples
        self._started = self._reported = time.monotonic()
        self._before = 0.0  # epochs of earlier processes
        self._board, self._progress = board, progress or ProgressFile(None, label)

    def _left(self, epochs_done: float) -> float:
        """Seconds."""
        here = epochs_done - self._before
        return (time.monotonic() - self._started) * (self._epochs - epochs_done) / here

    def _left_now(self, epochs_done: float) -> str:
        self._reported = time.monotonic()
        return clock_time(self._left(epochs_done))

    def on_resume(self, history: list[dict[str, float]], done: float) -> None:
        """Report it, and write the events of the earlier epochs again."""
        self._before = done
        logger.info("%s  goes on from a checkpoint, %.1f of %d epochs done", self._label, done, self._epochs)
        for row in history if self._board else ():
            self._board.epoch(row)
        if history:
            self._progress.update(validation_accuracy=history[-1]["validation_accuracy"])

    def on_step(self, epoch: int, done: int) -> None:
        """Report how far an epoch is, unless something was reported a short while ago."""
        epochs_done = epoch - 1 + done / self._samples
        if self._progress.due:
            left = self._left(epochs_done) if epochs_done > self._before else None
            share = epochs_done / self._epochs
            self._progress.update(epoch=epoch, epochs=self._epochs, share=share, left=left)
        if time.monotonic() - self._reported > EVERY and epochs_done > self._before:
            left = self._left_now(epochs_done)
            counts = (epoch, self._epochs, done, self._samples)
            logger.info("%s  epoch %d/%d  %d of %d images  left %s", self._label, *counts, left)

    def on_epoch(self, row: dict[str, float]) -> None:
        """Report one epoch: losses as means over samples, accuracies in percent."""
        terms = [f"{name[5:]} {value:.4f}" for name, value in row.items() if name.startswith("loss_")]
        logger.info(
            "%s  epoch %d/%d  loss %.4f (%s)  train %.2f %%  validation %.2f %% (%.4f)"
            "  lr %.3g  %.0f images/s  left %s",
            self._label,
            row["epoch"],
            self._epochs,
            row["loss"],
            ", ".join(terms),
            row["train_accuracy"],
            row["validation_accuracy"],
            row["validation_loss"],
            row["lr"],
            row["images_per_second"],
            self._left_now(row["epoch"]),
        )
        if self._board:
            self._board.epoch(row)
        self._progress.update(validation_accuracy=row["validation_accuracy"])
