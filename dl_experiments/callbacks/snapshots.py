"""Keeps weights on the way: the initial ones, those of scheduled epochs, the final ones."""

from typing import final

from dl_experiments.artifacts import RunDirectory
from dl_experiments.callbacks import schedules
from dl_experiments.callbacks.observer import Observer
from dl_experiments.data.loader import InMemoryDataModule
from dl_experiments.tasks.task import Task


@final
class Snapshots(Observer):
    """Writes ``weights/epoch-*.safetensors`` (parameters and buffers of the model).

    Args:
        directory: The run's.
        max_epochs: The run's.
        schedule: ``decades`` (0, 1, 10, 100, ...), ``thinned``, ``ends`` or a number n (every n
            epochs). Initial and final weights are always kept.

    Raises:
        ValueError: The schedule is none of these.
    """

    def __init__(self, directory: RunDirectory, max_epochs: int, schedule: str | int) -> None:
        self.directory = directory
        self.schedule = schedules.parse("callbacks.snapshots.schedule", schedule, max_epochs)

    def begin(self, task: Task, data: InMemoryDataModule) -> None:
        """Keep the initial weights."""
        if task.epoch == 0:
            self._write(task)

    def after_epoch(self, task: Task, data: InMemoryDataModule) -> None:
        """Keep the weights of a scheduled epoch."""
        if self.schedule(task.epoch):
            self._write(task)

    def end(self, task: Task, data: InMemoryDataModule) -> None:
        """Keep the final weights, also where the run stopped early."""
        if task.epoch not in self.directory.snapshots():
            self._write(task)

    def _write(self, task: Task) -> None:
        self.directory.write_weights(task.epoch, task.model.state_dict())
