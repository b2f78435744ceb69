"""Keeps what resuming needs."""

import os
import time
from typing import final

from lightning import Callback, LightningModule, Trainer

from dl_experiments.artifacts import RunDirectory


@final
class Checkpoint(Callback):
    """Replaces ``checkpoint.ckpt`` in one step, at an epoch's end, when the last one is old.

    There a run's randomness starts anew, so a resumed run continues exactly as the uninterrupted
    one. Where training is about to end, nothing is written: a run is never resumed past its end.

    Args:
        directory: The run's.
        seconds: Least time between two checkpoints.
    """

    def __init__(self, directory: RunDirectory, seconds: float) -> None:
        self.directory, self.seconds = directory, seconds
        self._last = time.monotonic()

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write, if it is time."""
        ending = trainer.should_stop or trainer.current_epoch + 1 == trainer.max_epochs
        if not ending and time.monotonic() - self._last >= self.seconds:
            beside = self.directory.checkpoint.with_name(".checkpoint.ckpt")
            trainer.save_checkpoint(beside)
            with beside.open("rb") as file:
                os.fsync(file.fileno())
            os.replace(beside, self.directory.checkpoint)
            self._last = time.monotonic()
