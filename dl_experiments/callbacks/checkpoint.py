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

_SHARE = 0.01


@final
class Clock:
    """Says at each epoch's end whether it is time for a checkpoint; one for all runs of a stack.

    Args:
        seconds: Least time between two checkpoints; a command that is to end does not wait.

    Attributes:
        due: Whether it is time.
        ending: Whether the command is to end, once the checkpoint is written.
        hold: Whether to keep the state in memory, for a command that is to end before the next
            epoch does: after an epoch that is too long to be waited for (``stop.GRACE``), else as
            often as costs at most ``_SHARE`` of the time.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.due = self.ending = self.hold = False
        self._written = self._ticked = self._rested = time.monotonic()

    def tick(self) -> None:
        """An epoch is done, and everything that is measured at its end."""
        now = time.monotonic()
        self.ending = stop.asked()
        self.due = self.ending or now - self._written >= self.seconds
        slow = now - self._ticked >= stop.GRACE / 2
        self.hold = not self.due and (slow or now >= self._rested)
        self._ticked = now
        if self.due:
            self._written = now

    def held(self) -> None:
        """What was to be held is, of all runs."""
        if self.hold:
            now = time.monotonic()
            self._rested = now + (now - self._ticked) / _SHARE


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
            Stopped: The command is to end, and the run is not over.
        """
        self.clock.tick()
        self.keep(task)
        self.clock.held()
        if self.clock.ending and not self._is_over(task):
            raise stop.Stopped

    def _is_over(self, task: Task) -> bool:
        return task.should_stop or task.epoch == self.max_epochs

    def keep(self, task: Task) -> None:
        """Write, if it is time; else perhaps hold what a stop before the next time would lose."""
        if self._is_over(task):
            return
        if self.clock.due:
            self._held = None
            self.directory.write_checkpoint(task.state())
        elif self.clock.hold:
            self._held = apply_to_collection(task.state(), Tensor, Tensor.clone)

    def write_held(self) -> None:
        """The run is stopped in an epoch or a measurement: it will go on from the state held."""
        if self._held is not None:
            self.directory.write_checkpoint(self._held)
            self._held = None
