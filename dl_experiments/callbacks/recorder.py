"""Measures a run's metrics at its logged epochs and hands the rows to whoever keeps them."""

import math
from collections.abc import Mapping, Sequence
from typing import Protocol, cast, final

import torch
from lightning import Callback, LightningModule, Trainer

from dl_experiments.artifacts import MetricsWriter, RunDirectory
from dl_experiments.callbacks.schedules import Schedule
from dl_experiments.data.loader import InMemoryDataModule
from dl_experiments.tasks.task import Task


class Sink(Protocol):
    """Something that takes the rows of one run."""

    def open(self, columns: Sequence[str]) -> None:
        """Rows with these columns follow, on resuming the earlier ones first."""

    def row(self, step: int, epoch: int, values: Mapping[str, float]) -> None:
        """One logged epoch."""

    def close(self) -> None:
        """No more rows follow."""


@final
class Recorder(Callback):
    """Evaluates train and test at logged epochs, writes ``metrics.csv``, stops where due.

    ``train/*`` and ``test/*`` are measured in eval mode on the whole sets with the weights of
    the moment, in one transfer from the device a row. A training loss that is not finite ends
    the run as diverged; one at or below ``target_loss`` ends it as completed.

    Args:
        directory: Where ``metrics.csv`` is.
        schedule: The logged epochs.
        target_loss: Training loss at which to stop; None: run on.
        sinks: Take every row besides ``metrics.csv``.
        resumed_epoch: Last epoch the checkpoint knows, on resuming.

    Attributes:
        diverged: Whether the training loss stopped being finite.
        epoch: The last logged epoch.
    """

    def __init__(
        self,
        directory: RunDirectory,
        schedule: Schedule,
        target_loss: float | None,
        sinks: Sequence[Sink],
        resumed_epoch: int | None,
    ) -> None:
        self.directory, self.schedule, self.target_loss = directory, schedule, target_loss
        self.sinks, self.resumed_epoch = sinks, resumed_epoch
        self.diverged = False
        self.epoch = resumed_epoch or 0
        self._writer: MetricsWriter | None = None

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Open the files; measure the initial weights."""
        task = cast(Task, pl_module)
        names = ["loss", *task.metrics()]
        columns = [f"{split}/{name}" for split in ("train", "test") for name in names]
        self._writer = MetricsWriter(self.directory, columns, self.resumed_epoch)
        for sink in self.sinks:
            sink.open(columns)
            for row in self._writer.kept:
                values = {name: row[name] for name in columns if name in row}
                sink.row(int(row["step"]), int(row["epoch"]), values)
        if self.resumed_epoch is None:
            self._record(trainer, task, 0)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Measure, where the schedule says so."""
        epoch = trainer.current_epoch + 1
        if self.schedule(epoch):
            self._record(trainer, cast(Task, pl_module), epoch)

    def _record(self, trainer: Trainer, task: Task, epoch: int) -> None:
        data = cast(InMemoryDataModule, trainer.datamodule)  # type: ignore[attr-defined]
        measured = {
            f"{split}/{name}": value
            for split, part in (("train", data.train), ("test", data.test))
            for name, value in task.evaluate(part).items()
        }
        on_device = [value.double() for value in (*measured.values(), task.updates)]
        *numbers, updates = torch.stack(on_device).tolist()
        values = dict(zip(measured, numbers, strict=True))
        step = int(updates)
        self.epoch = epoch
        assert self._writer is not None
        self._writer.append(step, epoch, values)
        for sink in self.sinks:
            sink.row(step, epoch, values)
        loss = values["train/loss"]
        self.diverged = not math.isfinite(loss)
        reached = self.target_loss is not None and loss <= self.target_loss
        trainer.should_stop = trainer.should_stop or self.diverged or reached

    def close(self) -> None:
        """Close the files, however the run ended."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None
            for sink in self.sinks:
                sink.close()
