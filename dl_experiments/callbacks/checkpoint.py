"""Keeps what resuming needs."""

import os
import time
from typing import final

from lightning import Callback, LightningModule, Trainer

from dl_experiments.artifacts import RunDirectory
from dl_experiments.callbacks.recorder import Recorder


@final
class Checkpoint(Callback):
    """Replaces ``checkpoint.ckpt`` in one step, at a logged epoch, when the last one is old.

    Written at an epoch's end, where a run's randomness starts anew, so that a resumed run
    continues exactly as the uninterrupted one.

    Args:
        directory: The run's.
        recorder: Says which epoch was logged last.
        seconds: Least time between two checkpoints.
    """

    def __init__(self, directory: RunDirectory, recorder: Recorder, seconds: float) -> None:
        self.directory, self.recorder, self.seconds = directory, recorder, seconds
        self._last = time.monotonic()

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write, if it is time."""
        logged = self.recorder.epoch == trainer.current_epoch + 1 and not self.recorder.diverged
        if logged and time.monotonic() - self._last >= self.seconds:
            beside = self.directory.checkpoint.with_name(".checkpoint.ckpt")
            trainer.save_checkpoint(beside)
            with beside.open("rb") as file:
                os.fsync(file.fileno())
            os.replace(beside, self.directory.checkpoint)
            self._last = time.monotonic()
