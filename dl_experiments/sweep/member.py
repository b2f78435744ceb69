"""A run in a stack: what Lightning's Trainer does for one alone."""

import time
import warnings
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, cast, final

import torch
from torch import Tensor

from dl_experiments import build
from dl_experiments.attempt import Run
from dl_experiments.callbacks.checkpoint import Clock
from dl_experiments.callbacks.observer import Joint, Observer, around
from dl_experiments.folder import RunFailed, RunTaken
from dl_experiments.sweep.layouts import Layout
from dl_experiments.sweep.progress import Reporter


@final
class Divided(Exception):
    """A stack has failed as a whole; its members can be trained in smaller ones.

    Attributes:
        failed: What went wrong with those that had failed by themselves before, and were told of.
    """

    def __init__(self, why: str, failed: Mapping[Path, str]) -> None:
        super().__init__(why, failed)
        self.failed = failed

    def __str__(self) -> str:
        return str(self.args[0])


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
        observers: Its callbacks, after ``prepare``.
        error: Why it failed, or that another process has it.
    """

    def __init__(self, run: Run, reporter: Reporter) -> None:
        self.run, self.reporter = run, reporter
        self.last = LastRow()
        self.error: RunFailed | None = None
        self._told = False
        self._started = time.monotonic()

    def prepare(self) -> None:
        """Everything in its place, as before a Trainer's first epoch."""
        self._attempt(self._prepare)

    def _prepare(self) -> None:
        run = self.run
        with run.logging():
            run.prepare([self.last])
        run.task.to(build.device(run.config), build.dtype(run.config))
        run.task.configure_optimizers()
        run.task.on_fit_start()
        # The checkpoint is the stack's business, see ``keep``.
        self.observers = [cast(Observer, o) for o in run.callbacks if o is not run.checkpoint]
        inert = Observer.after_epoch
        self._following = [o for o in self.observers if type(o).after_epoch is not inert]
        # The member's own optimizer never steps, of which its schedule would warn.
        warnings.filterwarnings("ignore", message="Detected call of `lr_scheduler.step")

    def begin(self, members: int, layout: Layout) -> None:
        """Training starts."""
        with self.run.logging():
            self.run.begin(members, layout.name, compiler=layout.compiler)
        for observer in self.observers:
            self._call(observer, observer.begin)

    def after_epoch(self, updates: int, gradient_norms: Tensor | None) -> None:
        """One epoch is done."""
        self.run.task.advance(updates, gradient_norms)
        for observer in self._following:
            self._call(observer, observer.after_epoch)

    def keep(self, clock: Clock) -> None:
        """All members have seen the epoch's end: write a checkpoint, where it is time for all."""
        self.run.checkpoint.clock = clock
        self._attempt(self.run.checkpoint.keep, self.run.task)

    @property
    def over(self) -> bool:
        """Whether there are no epochs left to train."""
        task, epochs = self.run.task, self.run.config["trainer"]["max_epochs"]
        return self.error is not None or task.should_stop or task.epoch >= epochs

    def end(self) -> None:
        """Measure the end of training by itself."""
        self.run.task.over = True
        for observer in self.observers:
            if not isinstance(observer, Joint):
                self._call(observer, observer.end)

    def finish(self) -> None:
        """Write that the run is over, and tell of it."""
        self._attempt(self._finish)
        if self.error is None:
            self.run.release()
        self.tell()

    def tell(self) -> None:
        """Say so where it has failed; what another process has is waited for."""
        if self.failed and not self._told:
            self._told = True
            self.reporter.failed(str(self.error))

    @property
    def failed(self) -> bool:
        """Whether it has failed; another process may still have it where there is an error."""
        return self.error is not None and not isinstance(self.error, RunTaken)

    def _finish(self) -> None:
        with self.run.logging():
            status = self.run.finish()
        seconds = time.monotonic() - self._started
        self.reporter.ended(self.run.files.path.name, status, seconds, self.last.values)

    def _call(self, observer: Observer, act: Callable[..., None]) -> None:
        if type(observer).__module__.startswith("dl_experiments."):  # most, at every epoch
            return self._attempt(act, self.run.task, self.run.module)

        def watched() -> None:
            with around(observer, self.run.task, self.run.module):
                act(self.run.task, self.run.module)

        self._attempt(watched)

    def _attempt(self, act: Callable[..., None], *arguments: Any) -> None:
        if self.error is None:
            try:
                act(*arguments)
            except Exception as error:
                if is_out_of_memory(error):
                    raise
                self.fail(error)

    def fail(self, error: Exception) -> None:
        """The run's own failure."""
        self.error = self.run.fail(error)


def end(members: Sequence[Member]) -> None:
    """End runs whose training is over: what is measured for each, then what is for all together."""
    for member in members:
        member.end()
    joint: dict[type[Joint], list[tuple[Joint, Member]]] = defaultdict(list)
    for member in members:
        for observer in member.observers if member.error is None else ():
            if isinstance(observer, Joint):
                joint[type(observer)].append((observer, member))
    for kind, pairs in joint.items():
        try:
            with around(pairs[0][0], pairs[0][1].run.task, pairs[0][1].run.module):
                kind.end_all([(one, m.run.task, m.run.module) for one, m in pairs])
        except Exception as error:
            if is_out_of_memory(error):
                raise
            for _, member in pairs:
                member.fail(error)
    for member in members:
        member.finish()
