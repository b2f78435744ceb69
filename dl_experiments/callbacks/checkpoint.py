"""Keeps what resuming needs."""

import time
from typing import final

from dl_experiments.artifacts import RunDirectory
from dl_experiments.callbacks.observer import Observer
from dl_experiments.data.loader import InMemoryDataModule
from dl_experiments.tasks.task import Task


@final
class Checkpoint(Observer):
    """Replaces ``checkpoint.ckpt`` in one step, at an epoch's end, when the last one is old.

    There a run's randomness starts anew, so a resumed run continues exactly as the uninterrupted
    one. Where training is about to end, nothing is written: a run is never resumed past its end.

    Args:
        directory: The run's.
        max_epochs: The run's.
        seconds: Least time between two checkpoints.
    """

    def __init__(self, directory: RunDirectory, max_epochs: int, seconds: float) -> None:
        self.directory, self.max_epochs, self.seconds = directory, max_epochs, seconds
        self._last = time.monotonic()

    def after_epoch(self, task: Task, data: InMemoryDataModule) -> None:
        """Write, if it is time."""
        ending = task.should_stop or task.epoch == self.max_epochs
        if not ending and time.monotonic() - self._last >= self.seconds:
            self.directory.write_checkpoint(task.state())
            self._last = time.monotonic()
