"""A run in a stack: what Lightning's Trainer does for one alone."""

import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import cast, final

import torch

from dl_experiments import build
from dl_experiments.callbacks.observer import Observer
from dl_experiments.run import Run
from dl_experiments.sweep.progress import Reporter


class OutOfMemory(Exception):
    """A stack needed more memory than there is; its members can be trained in smaller ones."""


def is_out_of_memory(error: BaseException) -> bool:
    """Whether there was too little memory; the processor's allocator has no error of its own."""
    words = ("not enough memory", "can't allocate memory", "out of memory")
    known = isinstance(error, MemoryError | torch.OutOfMemoryError)
    return known or any(word in str(error) for word in words)


@final
class LastRow:
    """Keeps the last row of a run, to tell of it."""

    def __init__(self, tell: Callable[[int, float], None] = lambda epoch, loss: None) -> None:
        self.values: Mapping[str, float] = {}
        self._tell = tell

    def open(self, columns: Sequence[str]) -> None:
        """See ``Sink``."""

    def row(self, step: int, epoch: int, values: Mapping[str, float]) -> None:
        """See ``Sink``."""
        self.values = values
        self._tell(epoch, values["train/loss"])

    def close(self) -> None:
        """See ``Sink``."""


@final
class Member:
    """One run of a stack; what is raised while it is measured is its own failure.

    Args:
        run: Its lock is held, there is something to do.
        reporter: Is told how it ended.

    Attributes:
        error: Why it failed, in one line.
    """

    def __init__(self, run: Run, reporter: Reporter) -> None:
        self.run, self.reporter = run, reporter
        self.last = LastRow()
        self.error: str | None = None
        self._started = time.monotonic()

    def prepare(self) -> None:
        """Everything in its place, as before a Trainer's first epoch."""
        run = self.run
        with run.logging():
            run.prepare([self.last])
        device, dtype = build.device(run.config), build.dtype(run.config)
        run.module.place(device, dtype)
        run.task.to(device, dtype)
        run.task.configure_optimizers()
        run.task.on_fit_start()

    def begin(self, members: int, layout: str) -> None:
        """Training starts."""
        with self.run.logging():
            self.run.begin(members, layout)
        self._each(lambda observer: observer.begin(self.run.task, self.run.module))

    def after_epoch(self, updates: int) -> None:
        """One epoch is done."""
        with warnings.catch_warnings():  # the member's own optimizer never steps
            warnings.filterwarnings("ignore", message="Detected call of `lr_scheduler.step")
            self.run.task.advance(updates)
        self._each(lambda observer: observer.after_epoch(self.run.task, self.run.module))

    def goes_on(self) -> bool:
        """Whether there are epochs to train; ends the run where there are none."""
        task, epochs = self.run.task, self.run.config["trainer"]["max_epochs"]
        if self.error is None and not task.should_stop and task.epoch < epochs:
            return True
        self._each(lambda observer: observer.end(task, self.run.module))
        self._attempt(self._finish)
        if self.error is not None:
            self.reporter.failed(self.error)
        return False

    def _finish(self) -> None:
        with self.run.logging():
            status = self.run.finish()
        seconds = time.monotonic() - self._started
        self.reporter.ended(self.run.files.path.name, status, seconds, self.last.values)

    def _each(self, act: Callable[[Observer], None]) -> None:
        for callback in self.run.callbacks:
            self._attempt(partial(act, cast(Observer, callback)))

    def _attempt(self, act: Callable[[], None]) -> None:
        if self.error is None:
            try:
                act()
            except Exception as error:
                if is_out_of_memory(error):
                    raise
                self.error = self.run.fail(error)
