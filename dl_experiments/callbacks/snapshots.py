"""Keeps weights on the way: the initial ones, those of scheduled epochs, the final ones."""

from typing import cast, final

from lightning import Callback, LightningModule, Trainer

from dl_experiments.artifacts import RunDirectory, read_metrics
from dl_experiments.callbacks import schedules
from dl_experiments.tasks.task import Task


@final
class Snapshots(Callback):
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

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Keep the initial weights."""
        if trainer.current_epoch == 0:
            self._write(pl_module, 0)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Keep the weights of a scheduled epoch."""
        if self.schedule(trainer.current_epoch + 1):
            self._write(pl_module, trainer.current_epoch + 1)

    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Keep the final weights, also where the run stopped early."""
        last = int(read_metrics(self.directory.metrics)[-1]["epoch"])
        if last not in self.directory.snapshots():
            self._write(pl_module, last)

    def _write(self, module: LightningModule, epoch: int) -> None:
        self.directory.write_weights(epoch, cast(Task, module).model.state_dict())
