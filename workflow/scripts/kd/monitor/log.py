"""What a training reports while it runs: a line per epoch, TensorBoard events, how far it is."""

import time
from dataclasses import dataclass

from kd.io.log import logger
from kd.monitor.progress import ProgressFile, clock_time
from kd.monitor.tensorboard import Board
from kd.training.alarms import term_alarms
from kd.training.callback import Callback

VALIDATION = "  val_acc %(validation_accuracy).2f %%  val_loss %(validation_loss).4f"
EVERY = 20.0  # seconds after which a long epoch reports how far it is


@dataclass
class TrainingLog(Callback):
    """Reports the epochs of one run to its log, and to a board and a progress file where there are."""

    label: str
    epochs: int
    samples: int  # of an epoch
    board: Board | None = None
    progress: ProgressFile | None = None

    def __post_init__(self) -> None:
        self._started = self._reported = time.monotonic()
        self._before = 0.0  # epochs of earlier processes
        self._history: list[dict[str, float]] = []
        self.progress = self.progress or ProgressFile(None, self.label)

    def _left(self, epochs_done: float) -> float | None:
        """Seconds; None before anything has been done here."""
        here = epochs_done - self._before
        return (time.monotonic() - self._started) * (self.epochs - epochs_done) / here if here > 0 else None

    def on_resume(self, history: list[dict[str, float]], done: float) -> None:
        """Report it, and write the events of the earlier epochs again."""
        self._before, self._history = done, list(history)
        logger.info("%s  resumes from a checkpoint, %.1f of %d epochs done", self.label, done, self.epochs)
        for row in history if self.board else ():
            self.board.epoch(row)
        if history:
            self._show_accuracy(history[-1])

    def on_step(self, epoch: int, done: int) -> None:
        """Report how far an epoch is, unless something was reported a short while ago."""
        epochs_done = epoch - 1 + done / self.samples
        left, share = self._left(epochs_done), epochs_done / self.epochs
        if self.progress.due:
            self.progress.update(epoch=epoch, epochs=self.epochs, share=share, left=left)
        if left is not None and time.monotonic() - self._reported > EVERY:
            self._reported = time.monotonic()
            counts = (epoch, self.epochs, done, self.samples, clock_time(left))
            logger.info("%s  epoch %d/%d  %d of %d images  ETA %s", self.label, *counts)

    def on_epoch(self, row: dict[str, float]) -> None:
        """Report one epoch: losses as means over samples, accuracies in percent."""
        losses = [f"{name[5:]} {value:.4f}" for name, value in row.items() if name.startswith("loss_")]
        terms, left = ", ".join(losses), clock_time(self._left(row["epoch"]))
        self._reported = time.monotonic()
        logger.info(
            "%(label)s  epoch %(epoch)d/%(epochs)d  loss %(loss).4f (%(terms)s)"
            f"  train_acc %(train_accuracy).2f %%{VALIDATION if 'validation_loss' in row else ''}"
            "  lr %(lr).3g  %(images_per_second).0f images/s  ETA %(left)s",
            {**row, "label": self.label, "epochs": self.epochs, "terms": terms, "left": left},
        )
        if self.board:
            self.board.epoch(row)
        self._show_accuracy(row)
        known = term_alarms(self._history, self.epochs)
        self._history.append(row)
        for sign, alarm in term_alarms(self._history, self.epochs).items():
            if sign not in known:
                logger.warning("%s  %s", self.label, alarm)

    def _show_accuracy(self, row: dict[str, float]) -> None:
        """On the validation split, where there is one."""
        if "validation_accuracy" in row:
            self.progress.update(validation_accuracy=row["validation_accuracy"])
