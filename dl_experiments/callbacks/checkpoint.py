"""Keeps what resuming needs."""

import time
from typing import Any, final

from lightning_utilities.core.apply_func import apply_to_collection
from torch import Tensor

from dl_experiments import stop
from dl_experiments.artifacts import RunDirectory
from dl_experiments.callbacks.observer import Observer
from dl_experiments.data.loader import InMemoryDataModule
from dl_experiments.tasks.task import Task


@final
class Clock:
    """Says at each epoch's end whether it is time for a checkpoint; one for all runs of a stack.

    Args:
        seconds: Least time between two checkpoints; a command that is to end does not wait.

    Attributes:
        due: Whether it is time.
        ending: Whether the command is to end, once the checkpoint is written.
        slow: Whether the epoch took so long that the next is not waited for where the command is
            to end (``stop.GRACE``).
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.due = self.ending = self.slow = False
        self._written = self._ticked = time.monotonic()

    def tick(self) -> None:
        """An epoch is done, and everything that is measured at its end."""
        now = time.monotonic()
        self.ending = stop.asked()
        self.due = self.ending or now - self._written >= self.seconds
        self.slow = now - self._ticked >= stop.GRACE / 2
        self._ticked = now
        if self.due:
            self._written = now


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
        self.directory, self.max_epochs = directory, max_epochs
        self.clock = Clock(seconds)
        self._held: dict[str, Any] | None = None

    def after_epoch(self, task: Task, data: InMemoryDataModule) -> None:
        """A run alone has a clock of its own.

        Raises:
            Stopped: The command is to end.
        """
        self.clock.tick()
        self.keep(task)
        if self.clock.ending:
            raise stop.Stopped

    def keep(self, task: Task) -> None:
        """Write, if it is time; else hold what a stop before the next epoch's end would lose."""
        self._held = None
        if task.should_stop or task.epoch == self.max_epochs:
            return
        if self.clock.due:
            self.directory.write_checkpoint(task.state())
        elif self.clock.slow:
            self._held = apply_to_collection(task.state(), Tensor, Tensor.clone)

    def write_held(self) -> None:
        """The run is stopped in the middle of an epoch: it will go on from where that began."""
        if self._held is not None:
            self.directory.write_checkpoint(self._held)
            self._held = None
