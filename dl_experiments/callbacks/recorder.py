"""Measures a run's metrics at its logged epochs and hands the rows to whoever keeps them."""

import math
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Protocol, final

import torch

from dl_experiments.artifacts import MetricsWriter, RunDirectory
from dl_experiments.callbacks.observer import Observer, Scalars, around
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
class Recorder(Observer):
    """Evaluates train and test at logged epochs, writes ``metrics.csv``, stops where due.

    ``train/*`` and ``test/*`` are measured in eval mode on the whole sets with the weights of
    the moment, in one transfer from the device a row. A training loss that is not finite ends
    the run as diverged; one at or below ``target_loss`` ends it as completed, and so does a
    training accuracy at or above ``target_accuracy``.

    Args:
        directory: Where ``metrics.csv`` is.
        schedule: The logged epochs.
        target_loss: Training loss at which to stop; None: run on.
        target_accuracy: The same for the training accuracy.
        sinks: Take every row besides ``metrics.csv``.
        scalars: Measurements that have columns of their own.

    Attributes:
        diverged: Whether the training loss stopped being finite.
        seconds: Measurement -> the time it took so far; ``evaluation`` is that of the losses.
    """

    def __init__(
        self,
        directory: RunDirectory,
        schedule: Schedule,
        target_loss: float | None,
        sinks: Sequence[Sink],
        scalars: Sequence[Scalars] = (),
        target_accuracy: float | None = None,
    ) -> None:
        self.directory, self.schedule = directory, schedule
        self.target_loss, self.target_accuracy = target_loss, target_accuracy
        self.sinks, self.scalars = sinks, scalars
        self.diverged = False
        self.seconds: dict[str, float] = defaultdict(float)
        self._writer: MetricsWriter | None = None

    def begin(self, task: Task, data: InMemoryDataModule) -> None:
        """Open the files; measure the initial weights."""
        names = ["loss", *task.metrics()]
        columns = [f"{split}/{name}" for split in ("train", "test") for name in names]
        for scalars in self.scalars:
            with around(scalars, task, data):
                columns += scalars.columns(task)
        self._writer = MetricsWriter(self.directory, columns, task.epoch or None)
        for sink in self.sinks:
            sink.open(columns)
            for row in self._writer.kept:
                values = {name: row[name] for name in columns if name in row}
                sink.row(int(row["step"]), int(row["epoch"]), values)
        if task.epoch == 0:
            self._record(task, data)

    def after_epoch(self, task: Task, data: InMemoryDataModule) -> None:
        """Measure, where the schedule says so."""
        if self.schedule(task.epoch):
            self._record(task, data)

    def _record(self, task: Task, data: InMemoryDataModule) -> None:
        started = time.perf_counter()
        measured = {
            f"{split}/{name}": value
            for split, part in (("train", data.train), ("test", data.test))
            for name, value in task.evaluate(part).items()
        }
        numbers = torch.stack([value.double() for value in measured.values()]).tolist()
        values = dict(zip(measured, numbers, strict=True))
        self.seconds["evaluation"] += time.perf_counter() - started
        for scalars in self.scalars:
            started = time.perf_counter()
            with around(scalars, task, data):
                values |= scalars.values(task, data)
            self.seconds[scalars.name] += time.perf_counter() - started
        assert self._writer is not None
        self._writer.append(task.updates, task.epoch, values)
        for sink in self.sinks:
            sink.row(task.updates, task.epoch, values)
        loss = values["train/loss"]
        self.diverged = not math.isfinite(loss)
        task.should_stop = task.should_stop or self.diverged or self._reached(values)

    def _reached(self, values: Mapping[str, float]) -> bool:
        if self.target_loss is not None and values["train/loss"] <= self.target_loss:
            return True
        return self.target_accuracy is not None and values["train/accuracy"] >= self.target_accuracy

    def close(self) -> None:
        """Close the files, however the run ended."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None
            for sink in self.sinks:
                sink.close()
